"""The app: its script is imported, its functions are indexed, a call of one leaves a traceback and log records."""
