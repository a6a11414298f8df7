"""For consumers: how to read a packed message.

The app does not use this function. Copy it, or write it in another language: message `i` of a pack has the key
`run/start/chunk/(first + i)`. A message that is sent twice has the same key, so a consumer can drop the second.
"""

import json
from collections.abc import Iterator
from typing import Any


def unpack(text: str) -> Iterator[tuple[str, Any]]:
    """Yield each message of a packed queue message with its key; `text` is the message after decoding base64."""
    pack = json.loads(text)
    for index, message in enumerate(pack["messages"], start=pack["first"]):
        yield f"{pack['run']}/{pack['start']}/{pack['chunk']}/{index}", message
