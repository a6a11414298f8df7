"""One request to a source and its answer: where it may go, what it carries, why no answer came."""
