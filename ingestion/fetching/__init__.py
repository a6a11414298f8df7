"""Step 3 on the way of an id: turn the pages of a source into batches in the spool."""
