"""For consumers: how to read a packed message.

Nothing in the app needs this. Copy the function, or write these lines in another language: message `i` of a pack has
the key `run/start/chunk/(first + i)`, the same however often it is sent, so that a consumer can drop what it has seen.
"""

import json
from collections.abc import Iterator
from typing import Any


def unpack(text: str) -> Iterator[tuple[str, Any]]:
    """Yield each message of a packed queue message with its key; `text` is after base64, if that is how it was sent."""
    pack = json.loads(text)
    for index, message in enumerate(pack["messages"], start=pack["first"]):
        yield f"{pack['run']}/{pack['start']}/{pack['chunk']}/{index}", message
