"""Ask a new API from this machine, and write the table that describes it.

`recognise.py` makes guesses from one answer. The app's own code then reads two pages with each guess: the first page
must be that answer, and the second page must hold other items. Nothing goes to the app. The table names app settings
instead of credentials.
"""

import asyncio
import base64
import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

import httpx

from terminal.ending import Code, Trouble
from terminal.recognise import Answer, Guess, Shape, guesses, shape_of
from terminal.toml import table_of

MOST_BYTES = 16 * 1024 * 1024  # of the first answer
TIMEOUT_SECONDS = 30.0
PROOF_SECONDS = 60.0
LAST_CHARACTERS = 200  # of the reason why a guess is wrong
NOT_ALLOWED, TOO_MANY = (401, 403), 429
REFUSED = (*NOT_ALLOWED, TOO_MANY)  # after these, every other guess would get the same answer
LONGEST_WAIT_SECONDS = 30.0  # that sluice waits when the first answer is 429
FORMATS = {"ndjson": "ndjson", "jsonl": "ndjson", "x-ndjson": "ndjson", "csv": "csv"}  # by the end of Content-Type
LOOKS_SECRET = re.compile(
    "(api|access|auth|app|private|secret|client|subscription|session|security)[-_]?(key|token|secret)$"
    "|^(x-)?(key|token|secret|password|sig|signature)$|^(proxy-)?authorization$|^cookie$",
    re.IGNORECASE,
)
NOT_ASKED = (
    "how many requests the API allows (throttle): without it, Sluice slows down only if an answer says so",
    "how large a page may be (limit and send_limit)",
    "what the API answers after the last page",
)

Pairs = Sequence[tuple[str, str]]


class Found(NamedTuple):
    """The table of a source as text, its name, the app settings that it needs with values, and what is unknown."""

    text: str
    name: str
    settings: dict[str, str]
    open: list[str]


class Asked(NamedTuple):
    """A request as a table describes it; `settings` has the credentials, which the table only names."""

    name: str
    table: dict[str, Any]
    why: dict[str, str]
    settings: dict[str, str]


async def describe(url: str, headers: Pairs = (), parameters: Pairs = ()) -> Found:
    """Return the table for the API at `url`. Raise Trouble if it does not answer, or if no guess is right."""
    # Imported here: it takes a second, and no other command needs it.
    from ingestion.source.http.exchange import http_client

    asked = described(url, headers, parameters)
    async with http_client(timeout=TIMEOUT_SECONDS) as http:
        answer = await _first_answer(http, url, headers, parameters)
        shape = shape_of(answer)
        if shape is None:
            raise Trouble(Code.FAILED, _no_items(answer))
        query = [name for name, _ in (*parse_qsl(urlsplit(url).query), *parameters)]
        refusals: dict[str, str] = {}
        for guess in guesses(answer, shape, query):
            table = {**asked.table, **shape.table, **guess.table}
            sample, refusal = await _proof(http, asked, table, shape, guess)
            if refusal is None:
                return _written(asked, shape, guess, table, sample)
            pagination = guess.table["pagination"]
            refusals[" ".join(filter(None, (pagination["style"], pagination.get("send"))))] = refusal
            if sample.status in REFUSED:
                break
    tried = ", ".join(refusals) or "nothing, since the answer has no link or cursor"
    last = f" (the last try failed: {[*refusals.values()][-1][:LAST_CHARACTERS]})" if refusals else ""
    found = f"the answer has {len(shape.items)} items, but sluice found no way to the next page"
    raise Trouble(Code.FAILED, f"{found}. Tried: {tried}{last}")


def described(url: str, headers: Pairs, parameters: Pairs) -> Asked:
    """Return the request as a table, with the names of app settings instead of credentials."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    name = _name_of(parts.hostname or "", parts.path)
    prefix = re.sub("[^A-Z0-9]+", "_", name.upper())
    prefix = prefix if prefix[0].isalpha() else f"API_{prefix}"
    host = parts.netloc.rpartition("@")[2]
    table: dict[str, Any] = {"url": _text(urlunsplit((parts.scheme, host, parts.path, "", "")))}
    settings: dict[str, str] = {}
    auth: dict[str, Any] = {}
    plain_headers: dict[str, Any] = {}
    query: dict[str, Any] = {}

    def setting(kind: str, value: str) -> str:
        named = f"{prefix}_{re.sub('[^A-Z0-9]+', '_', kind.upper())}"
        settings[named] = value
        return named

    if parts.username:
        auth = {"kind": "basic", "user": setting("USER", unquote(parts.username))}
        auth |= {"password": setting("PASSWORD", unquote(parts.password))} if parts.password else {}
    for key, value in headers:
        if not _is_secret(key):
            plain_headers[key] = _text(value)
        elif not auth:
            auth = _auth_of(key, value, setting)
        else:
            plain_headers[key] = f"%{setting(key, value)}%"
    for key, value in (*parse_qsl(parts.query, keep_blank_values=True), *parameters):
        if _is_secret(key) and not auth:
            auth = {"kind": "api_key", "key": setting("KEY", value), "query": key}
            continue
        shown = f"%{setting(key, value)}%" if _is_secret(key) else _text(value)
        query[key] = shown if key not in query else [*_listed(query[key]), shown]
    given = {"headers": plain_headers, "query": query, "auth": auth}
    table |= {key: value for key, value in given.items() if value}
    why = {"auth": f"set the app setting {', '.join(settings)}"} if settings else {}
    return Asked(name, table, why, settings)


def _auth_of(header: str, value: str, setting: Any) -> dict[str, Any]:
    """Return the table `auth` for a header with a credential."""
    kind, _, rest = value.partition(" ")
    if header.lower() == "authorization" and kind.lower() == "bearer" and rest:
        return {"kind": "bearer", "token": setting("TOKEN", rest)}
    if header.lower() == "authorization" and kind.lower() == "basic" and rest:
        user, _, password = base64.b64decode(rest).decode().partition(":")
        return {"kind": "basic", "user": setting("USER", user), "password": setting("PASSWORD", password)}
    prefix = {"prefix": f"{kind} "} if header.lower() == "authorization" and rest else {}
    return {"kind": "api_key", "key": setting("KEY", rest if prefix else value), "header": header, **prefix}


def _is_secret(name: str) -> bool:
    return bool(LOOKS_SECRET.search(name))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: str) -> str:
    """Return a text as a table writes it: % is doubled, since it can begin the name of an app setting."""
    return value.replace("%", "%%")


def _name_of(host: str, path: str) -> str:
    """Return a name for the source: the last word of the path, or of the host."""
    words = [word for word in path.split("/") if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", word)]
    labels = [label for label in host.split(".")[:-1] if label not in ("api", "www")]
    return next((word.lower() for word in reversed(words) if not re.fullmatch("v[0-9]+|api", word)), "") or next(
        (label for label in reversed(labels) if re.fullmatch(r"[a-z][a-z0-9-]{0,39}", label)), "source"
    )


def _no_items(answer: Answer) -> str:
    """Return why the answer shows no items, and what to do."""
    document = answer.document
    if document == [] or (isinstance(document, dict) and [] in document.values()):
        where = "" if document == [] else f" {next(key for key, value in document.items() if value == [])} is empty:"
        return f"the answer has no items:{where} ask without the filter, so that sluice can see some"
    keys = f"; it has {', '.join([*document][:20])}" if isinstance(document, dict) else ""
    return f"the answer has no list of items{keys}: give the URL of a list"


async def _first_answer(http: httpx.AsyncClient, url: str, headers: Pairs, parameters: Pairs) -> Answer:
    """Return the first answer of the API that is not 429. Raise Trouble if it is not a success."""
    place = urlsplit(url).hostname or url
    response, body = await _asked(http, place, url, headers, parameters)
    if response.status_code == TOO_MANY:
        wait = response.headers.get("retry-after", "")
        await asyncio.sleep(min(float(wait) if wait.isdecimal() else 1.0, LONGEST_WAIT_SECONDS))
        response, body = await _asked(http, place, url, headers, parameters)
    if response.is_redirect:
        raise Trouble(Code.FAILED, f"{place} redirects to another URL ({response.status_code}): give that URL")
    if not response.is_success:
        said = f"{place} answered HTTP {response.status_code}: {body[:200].decode(errors='replace')!r}"
        if response.status_code in NOT_ALLOWED:
            raise Trouble(Code.NOT_ALLOWED, f"{said}. Give the API's key with --header 'NAME: VALUE'")
        if response.status_code == TOO_MANY:
            raise Trouble(Code.FAILED, f"{said}. It gave this answer twice: try again later")
        raise Trouble(Code.FAILED, f"{said}. Check the URL and each --param")
    kind = re.split("[/+]", response.headers.get("content-type", "").partition(";")[0].strip().lower())[-1]
    return Answer({name.lower(): value for name, value in response.headers.items()}, *_parsed(body, kind, place))


async def _asked(
    http: httpx.AsyncClient, place: str, url: str, headers: Pairs, parameters: Pairs
) -> tuple[httpx.Response, bytes]:
    """Return the response to one request, and its body. Raise Trouble if there is none, or if it is too large."""
    try:
        asked = httpx.URL(url if "://" in url else f"https://{url}").copy_merge_params(list(parameters))
        async with http.stream("GET", asked, headers=list(headers)) as response:
            body = b""
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MOST_BYTES:
                    problem = f"the answer of {place} has more than {MOST_BYTES:,} bytes: ask for a smaller page"
                    raise Trouble(Code.FAILED, problem)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        hint = "" if "://" in url else "; sluice took https://, so write http:// if the API has no TLS"
        raise Trouble(Code.UNREACHABLE, f"cannot reach {place}: {error or type(error).__name__}{hint}") from None
    return response, body


def _parsed(body: bytes, kind: str, place: str) -> tuple[Any, str]:
    """Return the document of a body, and its format. Raise Trouble if it is not JSON, NDJSON or CSV."""
    text = body.decode("utf-8-sig", errors="replace")
    if FORMATS.get(kind) == "csv":
        return list(csv.DictReader(io.StringIO(text, newline=""))), "csv"
    try:
        return json.loads(text), "json"
    except (ValueError, RecursionError):
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()], "ndjson"
    except (ValueError, RecursionError):
        raise Trouble(Code.FAILED, f"the answer of {place} is not JSON, NDJSON or CSV: {text[:200]!r}") from None


async def _proof(
    http: httpx.AsyncClient, asked: Asked, table: dict[str, Any], shape: Shape, guess: Guess
) -> tuple[Any, str | None]:
    """Read two pages with `table`; return the sample, and why the guess is wrong (None if it is right)."""
    from ingestion.plan.sample import NotingClient, read_sample
    from ingestion.settings import load_settings
    from ingestion.source.description.file import read_source
    from ingestion.source.reading.path import at

    source, wrong = read_source(table, asked.name, asked.settings)
    if source is None or wrong:
        raise Trouble(Code.FAILED, f"no table can describe this request: {wrong[0]}")
    settings = load_settings({"AzureWebJobsStorage": "UseDevelopmentStorage=true"})
    limited = source.model_copy(update={"attempts": 1})
    client = NotingClient(limited, http, patience_seconds=0.0)
    sample = await read_sample(asked.name, limited, client, None, settings, 50_000, seconds=PROOF_SECONDS)
    if sample.failure is not None:
        return sample, str(sample.failure)
    if len(sample.counts) < 2 and not sample.ended:
        return sample, sample.wait.reason if sample.wait else "the API returned no second page"
    if len(sample.counts) < 2 and not guess.ends and shape.has_more:
        return sample, f"it ends after one page ({sample.ended}), but the answer says that there is more"
    first = [str(at(item, source.message)) for item in (client.pages[0].first, shape.items[0])]
    if sample.counts[0] != len(shape.items) or (source.message and first[0] != first[1]):
        return sample, "its first page is not the first answer"
    if len(sample.counts) > 1 and not sample.counts[1] and sample.ended and shape.has_more:
        return sample, "its second page is empty, but the answer says that there is more"
    return sample, None


def _written(asked: Asked, shape: Shape, guess: Guess, table: Mapping[str, Any], sample: Any) -> Found:
    """Return the table as text, with a comment at each guessed key."""
    proof = "a second page had other items" if len(sample.counts) > 1 else f"there is one page: {sample.ended}"
    why = {**asked.why, **shape.why, **guess.why}
    why["pagination"] = f"{why['pagination']}; {proof}"
    open_ = list(NOT_ASKED)
    if sample.total is not None and sample.total < sum(sample.counts):  # it counts only the items of the page
        table = {key: value for key, value in table.items() if key != "total"}
    if table["pagination"]["style"] == "none":
        open_.append(f"whether there are more than these {len(shape.items)} items: the answer does not say")
    if "message" not in table and isinstance(shape.items[0], dict):
        open_.append("which key is the id of an item: the whole item becomes the message")
    if "total" not in table:
        open_.append("how many items there are in total")
    return Found(table_of(asked.name, table, why, open_), asked.name, asked.settings, open_)
