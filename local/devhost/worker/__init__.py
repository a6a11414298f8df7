"""Call the app's functions, in a separate process that can die alone."""
