"""What a run is pinned to: the description of its source, and how and where its messages are sent.

If these change, the run is held until a person accepts the change. The state carries their fingerprint; `request.json`
has them by field, so that a person learns what has changed. Secrets, rates and budgets are not pinned.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.contracts import Change
from ingestion.errors import InvalidInput, cut
from ingestion.settings import QUEUES, Settings
from ingestion.source.description import described

WHAT_LENGTH = 140  # characters of a change in the state, which must stay under 4 KB

Fields = dict[str, dict[str, str]]  # by part (a source, the settings) and key: the value or its hash

FORMAT, ENCODING = "SLUICE_MESSAGE_FORMAT", "SLUICE_MESSAGE_ENCODING"
INSTEAD_OF = {"queue": QUEUES, "queues": QUEUES, "format": FORMAT, "encoding": ENCODING}  # in `messages` of a source


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a run of a source would be pinned to if it started now; no fields of a source that cannot be read."""

    fields: Fields
    found: Settings | InvalidInput

    @property
    def settings(self) -> Settings:
        """The settings with which messages of the source are sent. Raise InvalidInput if it cannot be read."""
        if isinstance(self.found, InvalidInput):
            raise self.found
        return self.found


def pinned_now(settings: Settings, source: str, environment: Mapping[str, str] = os.environ) -> Pinned:
    """Return what a run of `source` would be pinned to if it started now, with the `messages` of its description."""
    part = _part(source)
    try:
        marks, messages, own = described(settings, source, environment)
    except InvalidInput as error:
        return Pinned({part: {}, "settings": _sent(settings)}, error)
    sent = _sent(own)
    for key in sorted(INSTEAD_OF.keys() & messages.model_fields_set):
        marks[f"messages.{key}"] = sent.pop(INSTEAD_OF[key])
    return Pinned({part: marks, "settings": sent}, own)


def _sent(settings: Settings) -> dict[str, str]:
    queues = sorted(
        queue if account == settings.account else f"{account.setting}/{queue} ({account.place})"
        for account, queue in settings.shards
    )
    return {FORMAT: settings.message_format, ENCODING: settings.message_encoding, QUEUES: ", ".join(queues)}


def description_in(fields: Fields, source: str) -> dict[str, str]:
    """Return the marks of the description of a source, by key."""
    return fields.get(_part(source), {})


def _part(source: str) -> str:
    return f"source {source}"


def sent_as(fields: Fields) -> dict[str, Any]:
    """Return how messages are sent: the names of the queues, format and encoding; None for what is unknown."""
    sent: dict[str, Any] = {"queues": [], "shards": 0, "format": None, "encoding": None}
    for part in fields.values():
        for key, value in part.items():
            name = INSTEAD_OF.get(key.removeprefix("messages."), key)
            if name == QUEUES:
                sent["queues"] = re.sub(r" \([^)]*\)", "", value).split(", ")
                sent["shards"] = len(sent["queues"])
            elif name in (FORMAT, ENCODING):
                sent["format" if name == FORMAT else "encoding"] = value
    return sent


def queues_in(fields: Fields) -> str:
    """Return the names of the queues, without the addresses of their accounts."""
    names = (QUEUES, *(f"messages.{key}" for key, name in INSTEAD_OF.items() if name == QUEUES))
    found = [value for part in fields.values() for key, value in part.items() if key in names]
    return cut(re.sub(r" \([^)]*\)", "", ", ".join(found)), WHAT_LENGTH)


def fingerprint(fields: Fields) -> str:
    """Return a hash of the fields: other fields have another one."""
    return hashlib.blake2b(json.dumps(fields, sort_keys=True).encode(), digest_size=8).hexdigest()


def change_between(before: Fields, now: Fields) -> Change:
    """Return the change between two sets of fields: the names of the fields that differ, and no values."""
    return Change(to=fingerprint(now), what=what_differs(before, now))


def what_differs(before: Fields, now: Fields) -> str:
    """Return the names of the fields that differ, such as "source demo: items changed"."""
    parts = []
    for part in {**before, **now}:
        was, new = before.get(part, {}), now.get(part, {})
        # A setting on one side only is no change: the source's own `messages` replace it on the other side.
        known = was.keys() & new.keys() if part == "settings" else was.keys() | new.keys()
        names = ", ".join(sorted(name for name in known if was.get(name) != new.get(name)))
        if names:
            what = "its description is gone or cannot be read" if not new else f"{names} changed"
            parts.append(what if part == "settings" else f"{part}: {what}")
    text = "; ".join(parts) or "the settings at the start of the run are not known"
    return cut(text, WHAT_LENGTH)
