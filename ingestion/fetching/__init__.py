"""Turn the pages of a source into batches in the spool (step 3 in docs/design.md)."""
