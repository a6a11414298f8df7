"""When the next request to a source may start: throttling, outages, and the pace of requests."""
