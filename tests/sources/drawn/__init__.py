"""Random sources, each with its description; every second description has a mistake."""
