"""What a run id may be: it becomes an instance id, a part of blob names, and a part of the durable API's URLs."""

import re

ALLOWED = "letters, digits, - and _, first a letter or a digit, 64 characters at most"


def is_run_id(text: str) -> bool:
    """Whether a run can have this id."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", text) is not None
