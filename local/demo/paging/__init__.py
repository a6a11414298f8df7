"""A library of APIs that page, one way a route: what real ones do, and what they do wrong.

Independent of the app: written from the documented behaviour of APIs, so that a mistake in how the app reads a style
cannot hide in the server that it is tried against.
"""
