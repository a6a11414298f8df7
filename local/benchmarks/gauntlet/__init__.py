"""Small servers that each have one fault, which a public report or document describes.

Input: requests. Output: pages as such a server returns them, and the correct messages to compare a queue with. In
`pages.py` the order, the end or the number of the items is wrong; in `bodies.py` the content of an answer is wrong.
"""
