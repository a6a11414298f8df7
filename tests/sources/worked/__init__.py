"""The first of docs/worked-sources.md, read from there, against servers that imitate the documented behaviour."""
