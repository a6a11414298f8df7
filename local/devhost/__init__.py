"""A stand-in for the Azure Functions host that runs a Durable Functions app in Python on one machine.

The app never imports this package; this package knows the app only through its loader.
"""
