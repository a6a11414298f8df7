"""Step 3: pages of a source become batches in the spool."""
