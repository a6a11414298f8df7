"""Send a request to a source: which addresses are allowed, the answer, and why no answer came."""
