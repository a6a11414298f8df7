"""What a run is pinned to: the description of its source, and how and where its messages are sent.

If any of this changes, the run is held until a person accepts the change. The state has a fingerprint of all pinned
fields; `request.json` has the fields, so that a person learns which one has changed. Secrets, rates and budgets are not
pinned.
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

Fields = dict[str, dict[str, str]]  # maps a part (a source, the settings) and a key in it to the value or its hash

FORMAT, ENCODING = "SLUICE_MESSAGE_FORMAT", "SLUICE_MESSAGE_ENCODING"
# Maps a key in `messages` of a source to the app setting that it replaces.
INSTEAD_OF = {"queue": QUEUES, "queues": QUEUES, "format": FORMAT, "encoding": ENCODING}


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a run of a source would be pinned to if it started now.

    If the description cannot be read, `found` is the error, and the source has no fields.
    """

    fields: Fields
    found: Settings | InvalidInput

    @property
    def settings(self) -> Settings:
        """The app's settings, with the source's own `messages` keys applied. Raise InvalidInput if `found` is one."""
        if isinstance(self.found, InvalidInput):
            raise self.found
        return self.found


def pinned_now(settings: Settings, source: str, environment: Mapping[str, str] = os.environ) -> Pinned:
    """Return what a run of `source` would be pinned to if it started now, with the `messages` of its description."""
    part = _part(source)
    try:
        values, messages, own = described(settings, source, environment)
    except InvalidInput as error:
        return Pinned({part: {}, "settings": _sent(settings)}, error)
    sent = _sent(own)
    for key in sorted(INSTEAD_OF.keys() & messages.model_fields_set):
        values[f"messages.{key}"] = sent.pop(INSTEAD_OF[key])
    return Pinned({part: values, "settings": sent}, own)


def _sent(settings: Settings) -> dict[str, str]:
    queues = sorted(
        queue if account == settings.account else f"{account.setting}/{queue} ({account.place})"
        for account, queue in settings.shards
    )
    return {FORMAT: settings.message_format, ENCODING: settings.message_encoding, QUEUES: ", ".join(queues)}


def description_in(fields: Fields, source: str) -> dict[str, str]:
    """Return the pinned keys of a source's description, each with its value or hash."""
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
    """Return a hash of the fields."""
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
