"""What is served over HTTP: the app's functions, the durable API, the admin API, and the keys to them."""
