"""One request to a source and its answer: the addresses that are allowed, and why no answer came."""
