"""Read the items from the bytes of an answer; find and set values in answers and requests."""
