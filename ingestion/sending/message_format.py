"""Turn the messages of a chunk into the bodies of Put Message requests: raw, envelope or packed.

A post is the body of one request for a range of the chunk's messages, or the reason why a message cannot be sent. The
posts of a chunk cover all its messages, and a second run of the same code makes the same posts.
"""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ingestion.contracts import EnqueueRequest
from ingestion.settings import Settings

MAX_MESSAGE_BYTES = 65_536  # of the encoded text: with base64, 49,152 bytes before encoding
_HEAD, _TAIL = b"<QueueMessage><MessageText>", b"</MessageText></QueueMessage>"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("\r"): "&#13;"}  # XML turns a bare CR into LF


BREATH_BYTES = 256 * 1024  # after this much of posts, the event loop may do other work


class Post(NamedTuple):
    """Messages `[first, stop)` of a chunk: the body of their request, or an empty body and the reason."""

    first: int
    stop: int
    body: bytes
    reason: str = ""
    rejected_bytes: int = 0

    @property
    def weight(self) -> int:
        """The approximate number of bytes parsed for the post."""
        return len(self.body) or self.rejected_bytes


class CannotSend(Exception):
    """No queue can take the message; the text is the reason."""


def posts_of(
    lines: Sequence[bytes],
    request: EnqueueRequest,
    settings: Settings,
    is_done: Callable[[int], bool] = lambda _: False,
) -> Iterator[Post]:
    """Return the posts for `lines`, the whole chunk of `request`, in order; parse each line only when it is needed.

    `is_done` says whether earlier attempts have done a message, by its index. A post never mixes done messages with
    others, even if an earlier attempt had other settings.
    """
    encode = encode_base64 if settings.message_encoding == "base64" else encode_plain
    match settings.message_format:
        case "packed":
            return _packed(lines, request, settings, encode, is_done)
        case "envelope":
            return _single(lines, lambda index, message: envelope(request, index, message), encode)
        case _:
            return _single(lines, lambda index, message: text_of(message), encode)


async def breathing(posts: Iterable[Post]) -> AsyncIterator[Post]:
    """Yield each post, and let the event loop do other work after every BREATH_BYTES."""
    made = 0
    for post in posts:
        yield post
        made += post.weight
        if made >= BREATH_BYTES:
            await asyncio.sleep(0)
            made = 0


def message_key(request: EnqueueRequest, index: int) -> str:
    """Return the key of message `index` of a chunk, `run/start/chunk/index`; it is the same each time it is sent."""
    return f"{request.run.id}/{request.run.start}/{request.chunk.number}/{index}"


def text_of(message: str) -> str:
    """Return the text to send for a message in JSON: a string without its quotes, anything else unchanged."""
    return json.loads(message) if message.startswith('"') else message


def envelope(request: EnqueueRequest, index: int, message: str) -> str:
    """Return a message in JSON with its origin; an object or a list becomes a `record`, anything else an `id`."""
    kind = "record" if message[0] in "{[" else "id"
    about = {"run": request.run.id, "source": request.source, "key": message_key(request, index)}
    return f'{_json(about)[:-1]},"{kind}":{message}}}'


def encode_base64(text: str) -> bytes:
    """Return the text as base64, which queue triggers of Functions and the official clients' base64 policies expect."""
    return base64.b64encode(text.encode())


def encode_plain(text: str) -> bytes:
    """Return the text, escaped for XML. Raise CannotSend for a character that XML cannot hold."""
    if found := _NOT_XML.search(text):
        where = "messages.encoding of the source, or SLUICE_MESSAGE_ENCODING"
        raise CannotSend(f"not_xml: U+{ord(found[0]):04X} can only be sent as base64 ({where})")
    if len(text.encode()) > MAX_MESSAGE_BYTES:
        raise _too_large(len(text.encode()))
    return text.translate(_ESCAPES).encode()


def _single(lines: Sequence[bytes], text: Callable[[int, str], str], encode: Callable[[str], bytes]) -> Iterator[Post]:
    for index, line in enumerate(lines):
        try:
            yield Post(index, index + 1, _body(text(index, _message_in(line)), encode))
        except CannotSend as reason:
            yield Post(index, index + 1, b"", str(reason), len(line))


def _packed(
    lines: Sequence[bytes],
    request: EnqueueRequest,
    settings: Settings,
    encode: Callable[[str], bytes],
    is_done: Callable[[int], bool],
) -> Iterator[Post]:
    """Yield posts of as many messages as `pack_messages` and `pack_bytes` allow. A reject ends the pack before it."""
    first, pieces, size, of_done = 0, list[str](), 0, False

    def pack(stop: int) -> Post:
        about = {"run": request.run.id, "source": request.source, "start": request.run.start}
        head = _json({**about, "chunk": request.chunk.number, "first": first})
        return Post(first, stop, _body(f'{head[:-1]},"messages":[{",".join(pieces)}]}}', encode))

    overhead = len(_json({"run": request.run.id, "source": request.source})) + 120
    for index, line in enumerate(lines):
        try:
            piece = _message_in(line)
            piece_size = len(piece.encode() if encode is encode_base64 else encode(piece)) + 1
            if overhead + piece_size > settings.pack_bytes:
                limit = f"a pack holds at most {settings.pack_bytes} (SLUICE_PACK_BYTES)"
                raise CannotSend(f"too_large: {piece_size} bytes; {limit}")
        except CannotSend as reason:
            if pieces:
                yield pack(index)
            yield Post(index, index + 1, b"", str(reason), len(line))
            first, pieces, size = index + 1, [], 0
            continue
        is_full = len(pieces) >= settings.pack_messages or overhead + size + piece_size > settings.pack_bytes
        if pieces and (is_full or of_done != is_done(index)):
            yield pack(index)
            first, pieces, size = index, [], 0
        of_done = is_done(index)
        pieces.append(piece)
        size += piece_size
    if pieces:
        yield pack(len(lines))


_NOT_TEXT = "not_text: half of a surrogate pair, which UTF-8 cannot hold"


def _body(text: str, encode: Callable[[str], bytes]) -> bytes:
    encoded = encode(text)
    if len(encoded) > MAX_MESSAGE_BYTES and encode is encode_base64:
        raise _too_large(len(encoded))
    return _HEAD + encoded + _TAIL


def _message_in(line: bytes) -> str:
    """Return the message of a line, which is compact JSON. Parsing it and writing it again would change numbers.

    Raise CannotSend for null, which is no id, and for text that UTF-8 cannot hold.
    """
    message = line.decode().strip()
    if message == "null":
        raise CannotSend("null: the item has no value where its message should be")
    if "\\ud" in message:
        try:
            _json(json.loads(message)).encode()
        except UnicodeEncodeError:
            raise CannotSend(_NOT_TEXT) from None
    return message


def _too_large(size: int) -> CannotSend:
    return CannotSend(f"too_large: {size} bytes once encoded; a queue takes at most {MAX_MESSAGE_BYTES}")


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
