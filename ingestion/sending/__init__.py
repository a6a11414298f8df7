"""Step 5: the messages of a chunk are put on the queue, each accounted for."""
