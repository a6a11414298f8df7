"""Put the messages of a chunk on the queue, and account for each (step 5 in docs/design.md)."""
