"""Read the items from the bytes of an answer; find the places of values in answers and requests."""
