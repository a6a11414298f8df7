"""Small servers that misbehave, each in one way that a public report or document tells of.

Enters: nothing but requests. Leaves: pages, as such a server gives them, and the truth to compare a queue with.
`pages.py` has the situations in which the order, the end or the number of the items is wrong, `bodies.py` those in
which an answer is not what it should be.
"""
