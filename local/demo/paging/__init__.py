"""A library of paginated APIs, one route for each way of paging, with the faults that real APIs have.

It shares no code with the app and follows the documentation of real APIs, so that it cannot share a mistake of the app.
"""
