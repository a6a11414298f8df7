"""Call the app's functions in a separate process, so that devhost survives its death."""
