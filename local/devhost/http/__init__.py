"""The HTTP server's parts: the app's functions, the durable API, the admin API, and their keys."""
