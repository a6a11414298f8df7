"""A stand-in for the Azure Functions host that runs a Durable Functions app in Python on one machine.

On the way: everything that in Azure is the Functions host and the Durable extension. An app folder
enters; its HTTP functions, the durable HTTP API and the running of its orchestrations leave. The app
never imports this package, and this package knows the app only through its loader.
"""
