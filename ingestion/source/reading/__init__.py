"""From the bytes of an answer to its items, and the places of values in answers and requests."""
