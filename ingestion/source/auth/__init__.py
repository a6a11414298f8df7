"""The credentials of a source: a description has only their names. They go only into requests to its origin."""
