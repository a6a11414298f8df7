"""Conceal secrets, in all their forms, in every text that leaves the app: `***` takes their place.

Each call of a function has its own secrets: `load_settings`, `load_source` and the source's client add them. Every
error, log record and HTTP answer passes through `conceal`. `quoted` cuts texts from outside the app, because a plain
cut could leave a part of a secret. A cursor is stored `sealed`, with names in place of secrets. Messages do not pass
through here.
"""

import base64
import html
import json
import re
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote, quote_plus

from ingestion.errors import SHOWN_CHARACTERS, InvalidInput, PermanentError, RetryableError, SourceRefused

SHORTEST_CONCEALED = 4  # three characters protect nothing, and concealing them would break words
WINDOW = 32 * 1024  # characters that `quoted` searches for secrets
LAYERS = 5  # of nested escapes that are searched, such as JSON in JSON in a URL

# One escaped character of a URL, JSON, Python or HTML.
_ESCAPE = re.compile(r"%[0-9a-f]{2}|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\.|&#?\w{1,31};", re.IGNORECASE | re.DOTALL)
_OPENED = "\ue000"  # this and U+E001 (both for private use) enclose the name of a secret in a stored text
_SEAL = re.compile("\ue000(\\d+):([^\ue001]*)\ue001")


class Secrets:
    """Secret texts. A secret with a name can be sealed and unsealed."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._forms: set[str] = set()

    def add(self, secret: str, name: str = "") -> None:
        """Conceal `secret` from now on."""
        if len(secret) < SHORTEST_CONCEALED or self._names.get(secret):
            return
        self._names[secret] = name
        whole = secret.encode(errors="surrogatepass")
        # An escape may be one byte, or half of a character beyond 16 bits; a plus sign may be a space.
        halves = "".join(chr(int.from_bytes(pair)) for pair in _pairs(secret.encode("utf-16-be", "surrogatepass")))
        texts = {plain for text in (secret, whole.decode("latin-1"), halves) for plain, _ in _layers(text)}
        forms = texts | {text.replace(" ", "+") for text in texts} | set(_in_base64(whole))
        self._forms |= {form for form in forms if len(form) >= SHORTEST_CONCEALED}

    def conceal(self, text: str) -> str:
        """Return `text` with stars in place of each secret."""
        found = sorted(span for plain, places in _layers(text) for span in self._spans(plain, places))
        parts, end = [], 0
        for start, stop in found:
            if start >= end:
                parts += [text[end:start], "***"]
            end = max(end, stop)
        return "".join((*parts, text[end:]))

    def longest(self) -> int:
        """Return how many characters a secret can take in a text: its longest form, with each character escaped."""
        return 6 * max(map(len, self._forms), default=0)

    def seal(self, text: str) -> str:
        """Return `text` with names in place of secrets. Raise SourceRefused if a secret has no name."""
        seals = {_OPENED: f"{_OPENED}0:\ue001"}
        for secret, name in self._names.items():
            if name:
                ways = reversed(list(enumerate(_written(secret))))  # of two equal forms, the plainer one counts
                seals = {form: f"{_OPENED}{way}:{name}\ue001" for way, form in ways} | seals
        known = "|".join(map(re.escape, sorted(seals, key=len, reverse=True)))
        stored = re.sub(known, lambda found: seals[found[0]], text)
        if self.conceal(stored) != stored:
            concealed = self.conceal(text)[:SHOWN_CHARACTERS]
            raise SourceRefused(f"the source's next cursor has a credential, which must not be stored: {concealed!r}")
        return stored

    def unseal(self, text: str) -> str:
        """Return the sealed text with the present secrets in place of their names."""

        def secret(seal: re.Match[str]) -> str:
            way, name = int(seal[1]), seal[2]
            for found, known in self._names.items():
                if known == name != "":
                    return _written(found)[way]
            if name:
                raise SourceRefused(f"the run's cursor needs the app setting {name}, which its source no longer names")
            return _OPENED

        return _SEAL.sub(secret, text)

    def _spans(self, plain: str, places: "range | list[int]") -> Iterator[tuple[int, int]]:
        for form in self._forms:
            at = plain.find(form)
            while at >= 0:
                yield places[at], places[at + len(form)]
                at = plain.find(form, at + 1)


_present: ContextVar[Secrets] = ContextVar("present")  # the secrets of this call of a function, and of its tasks


def present() -> Secrets:
    """Return the secrets of the present call."""
    try:
        return _present.get()
    except LookupError:
        _present.set(found := Secrets())
        return found


def add_secrets(*unnamed: str, **named: str) -> None:
    """Conceal these secrets in all texts of the present call. Only a named secret can be part of a cursor."""
    for secret in unnamed:
        present().add(secret)
    for name, secret in named.items():
        present().add(secret, name)


def conceal(text: str) -> str:
    """Return `text` with stars in place of each secret of the present call."""
    return present().conceal(text)


def quoted(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """Return at most `most` characters of a text from outside the app, with stars in place of secrets."""
    concealed = conceal(text[:WINDOW])
    return (concealed if len(text) <= WINDOW else concealed[: -present().longest() or None])[:most]


def quoted_names(names: Iterable[str]) -> str:
    """Return names from outside the app, such as the keys of a page, as `quoted` does; "none" if there are none."""
    return quoted(", ".join(names)) or "none"


@contextmanager
def errors_concealed() -> Iterator[None]:
    """Remove secrets from errors of the block and from their causes: the host writes errors into history and log."""
    try:
        yield
    except (InvalidInput, PermanentError):
        raise  # the code that makes an outcome or an answer of these errors conceals the text
    except Exception as error:
        shown = "".join(traceback.format_exception(error))
        if conceal(shown) == shown:
            raise
        kind, name = (type(error), "") if isinstance(error, RetryableError) else (RuntimeError, type(error).__name__)
        raise kind(conceal(f"{name}: {error}" if name else str(error))).with_traceback(error.__traceback__) from None


def is_storable(text: str) -> bool:
    """Return whether `sealed` accepts the text."""
    try:
        return bool(sealed(text)) or not text
    except SourceRefused:
        return False


def sealed(value: Any) -> Any:
    """Return a JSON value with names in place of secrets, to be stored. Raise SourceRefused if a secret has no name."""
    text = json.dumps(value, ensure_ascii=False)
    if _OPENED not in text and conceal(text) == text:
        return value
    return _each_text(value, present().seal)


def unsealed(value: Any) -> Any:
    """Return the JSON value that was sealed, with the present secrets. Raise SourceRefused if one is not known."""
    return _each_text(value, present().unseal)


def _each_text(value: Any, change: Any) -> Any:
    match value:
        case str():
            return change(value)
        case list():
            return [_each_text(each, change) for each in value]
        case dict():
            return {key: _each_text(each, change) for key, each in value.items()}
    return value


def _pairs(units: bytes) -> Iterator[bytes]:
    return (units[at : at + 2] for at in range(0, len(units), 2))


def _in_base64(secret: bytes) -> Iterator[str]:
    """Yield the base64 forms of `secret`, which depend on its position in a longer text."""
    for lead in range(3):
        encoded = base64.b64encode(bytes(lead) + secret).decode()
        inner = encoded[-(-8 * lead // 6) : 8 * (lead + len(secret)) // 6]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


def _written(secret: str) -> list[str]:
    """Return the usual forms of a secret in a link. Stored texts name a form by its number, so keep the order."""
    links = [secret, *(write(secret) for write in (_quoted_whole, quote, quote_plus))]
    lower = [re.sub("%..", lambda escape: escape[0].lower(), form) for form in links[1:]]
    in_json = [json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]]
    slashed = [form.replace("/", "\\/") for form in in_json]
    return [*links, *lower, *in_json, *slashed, *_in_base64(secret.encode(errors="surrogatepass"))]


def _quoted_whole(text: str) -> str:
    return quote(text, safe="")


def _layers(text: str) -> "Iterator[tuple[str, range | list[int]]]":
    """Yield `text`, then the same text with one more layer of escapes decoded each time.

    Each comes with the place in `text` of each of its characters.
    """
    plain: str = text
    places: range | list[int] = range(len(text) + 1)
    for _ in range(LAYERS):
        yield plain, places
        pieces: list[str] = []
        moved: list[int] = []
        end = 0
        for escape in _ESCAPE.finditer(plain):
            pieces += [plain[end : escape.start()], _character(escape[0])]
            moved += [*places[end : escape.start()], places[escape.start()]]
            end = escape.end()
        if not end:
            return
        plain, places = "".join((*pieces, plain[end:])), [*moved, *places[end:]]


def _character(escape: str) -> str:
    if escape[0] == "&":
        return html.unescape(escape)[:1]
    digits = escape.lower().lstrip("\\%ux") if len(escape) > 2 else ""
    return chr(int(digits, 16)) if digits else escape[1:]
