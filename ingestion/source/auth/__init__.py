"""The credentials of a source: by name in its description, by value only here, and only in requests to its origin."""
