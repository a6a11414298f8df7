"""The profile: the URL and key that `sluice login` saves in the user's settings folder, readable by the user alone."""

import json
import os
from pathlib import Path
from typing import NamedTuple

from terminal.ending import Code, Trouble


class Profile(NamedTuple):
    """An app, and the key for it."""

    url: str
    key: str | None


def path() -> Path:
    """Return the path of the profile."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "sluice" / "profile.json"


def load() -> Profile | None:
    """Return the profile; None if nobody has logged in. Raise Trouble if it cannot be read."""
    try:
        kept = json.loads(path().read_text(encoding="utf-8"))
        return Profile(kept["url"], kept["key"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Trouble(Code.USAGE, f"cannot read the profile {path()} ({error}); run sluice login again") from None


def store(profile: Profile) -> Path:
    """Save a profile with file mode 0600, and return its path. Raise Trouble."""
    place = path()
    beside = place.with_suffix(".new")
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(profile._asdict(), file)
        beside.replace(place)
    except OSError as error:
        raise Trouble(Code.FAILED, f"cannot write the profile {place}: {error}") from None
    return place
