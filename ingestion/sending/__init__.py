"""Step 5: put the messages of a chunk on the queue, and account for each."""
