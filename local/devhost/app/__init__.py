"""Import the app's script, check and index its functions, and format their tracebacks and log records."""
