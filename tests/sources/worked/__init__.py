"""The worked sources of docs/sources.md, read from there, against servers that imitate the documented behaviour."""
