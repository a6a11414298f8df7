"""Calls the app's functions, in a process of its own that can die alone."""
