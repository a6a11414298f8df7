"""Step 5 on the way of an id: put the messages of a chunk on the queue, and account for each."""
