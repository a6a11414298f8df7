"""devhost replaces the Azure Functions host on one machine: it runs a Durable Functions app in Python.

The app never imports this package; only the loader of this package imports the app.
"""
