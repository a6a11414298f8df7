"""What a run is pinned to: the description of its source, and how and where its messages are sent.

A run that goes on under others is held until a person accepts the change. The fingerprint of it travels with the state;
`request.json` has it by field, so that a person learns what has changed. Secrets, rates and budgets are not part of it.
"""

import hashlib
import json

from ingestion.contracts import Change
from ingestion.errors import InvalidInput, cut
from ingestion.settings import Settings
from ingestion.source.description import described

WHAT_LENGTH = 140  # characters of what has changed that travel with the state, so that the state stays under 4 KB

Fields = dict[str, dict[str, str]]  # by the part that they belong to, each with its value or the hash of it


def fields_now(settings: Settings, source: str) -> Fields:
    """Return what a run of `source` would be pinned to if it started now; nothing of a source that cannot be read."""
    queues = sorted(
        queue if account == settings.account else f"{account.setting}/{queue} ({account.place})"
        for account, queue in settings.shards
    )
    sent = {
        "SLUICE_MESSAGE_FORMAT": settings.message_format,
        "SLUICE_MESSAGE_ENCODING": settings.message_encoding,
        "SLUICE_QUEUES": ", ".join(queues),
    }
    try:
        keys = described(settings.sources, source)
    except InvalidInput:
        keys = {}
    return {f"source {source}": keys, "settings": sent}


def fingerprint(fields: Fields) -> str:
    """Return what tells these fields from others."""
    return hashlib.blake2b(json.dumps(fields, sort_keys=True).encode(), digest_size=8).hexdigest()


def change(before: Fields, now: Fields) -> Change:
    """Return the change that has led from one to the other, with the names of the fields and none of their values."""
    return Change(to=fingerprint(now), what=what_differs(before, now))


def what_differs(before: Fields, now: Fields) -> str:
    """Return the names of the fields that differ, such as "source demo: items changed"."""
    parts = []
    for part in {**before, **now}:
        was, new = before.get(part, {}), now.get(part, {})
        names = ", ".join(sorted(name for name in {*was, *new} if was.get(name) != new.get(name)))
        if names:
            what = "its description is gone or cannot be read" if not new else f"{names} changed"
            parts.append(what if part == "settings" else f"{part}: {what}")
    text = "; ".join(parts) or "the settings at the start of the run are not known"
    return cut(text, WHAT_LENGTH)
