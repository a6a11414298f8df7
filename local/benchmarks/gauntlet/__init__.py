"""Small servers that each have one fault, which a public report or document describes.

Enters: requests. Leaves: pages as such a server returns them, and the correct messages to compare a queue with.
In `pages.py` the order, the end or the number of the items is wrong, in `bodies.py` an answer is wrong.
"""
