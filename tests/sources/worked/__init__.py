"""The first sources of docs/worked-sources.md, read from that page, against imitations of their documented APIs."""
