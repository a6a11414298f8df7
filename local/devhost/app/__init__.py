"""The app: import its script, index its functions, call one, format its tracebacks and log records."""
