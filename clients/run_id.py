"""Which run ids are allowed: an id becomes an instance id, and a part of blob names and of the durable API's URLs."""

import re

PATTERN = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
ALLOWED = "1 to 64 letters, digits, - and _, the first one a letter or a digit"


def is_run_id(text: str) -> bool:
    """Return whether a run can have this id."""
    return re.fullmatch(PATTERN.strip("^$"), text) is not None
