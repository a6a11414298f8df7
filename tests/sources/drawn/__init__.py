"""Sources that are drawn at random, each with its description and with one mistake in every second of them."""
