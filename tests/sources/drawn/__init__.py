"""Random sources, each with a right description, and functions that put a mistake into a description."""
