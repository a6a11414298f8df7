"""The credentials of a source. A description names their app settings; only requests to its origin carry them."""
