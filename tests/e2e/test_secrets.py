"""Nothing that a run leaves contains a secret, in whatever form its source repeats it.

Runs with every kind of secret read a source that repeats the secret everywhere: in bodies, headers, redirects and next
links. Then the test searches every HTTP answer, log record, span, status, history event and blob.
"""

import base64
import html
import json
import logging
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from azure.storage.blob import ContainerClient

from local.devhost.testing import RunningApp
from local.emulator import Azurite
from local.emulator.server import ACCOUNT_KEY
from tests.app_host import sluice
from tests.exported import exporting

CORES = "Q7ZK3XW9", "V5TB2LMN"  # of a secret, with what has to be escaped between them and behind
SECRET, IN_A_HEADER, IN_A_PATH = (
    between.join(CORES) + end for between, end in (('/"\u00e9& ', "+="), ('/"\\', "+="), ("-", "~"))
)
TOKEN = "t0k/" + IN_A_HEADER  # that the token endpoint issues

OAUTH = {"kind": "client_credentials", "client_id": "USER", "client_secret": "KEY"}
API_KEY = {"kind": "api_key", "key": "HEADER_KEY"}
KINDS: dict[str, tuple[dict[str, Any], str, str]] = {  # what a table has, what is behind its url, and what is repeated
    "bearer": ({"auth": {"kind": "bearer", "token": "HEADER_KEY"}}, "", IN_A_HEADER),
    "header": ({"auth": {**API_KEY, "header": "X-Key", "prefix": "Key "}}, "", IN_A_HEADER),
    "query": ({"auth": {**API_KEY, "query": "key"}}, "", IN_A_HEADER),
    "basic": ({"auth": {"kind": "basic", "user": "USER", "password": "KEY"}}, "", SECRET),
    "oauth": ({"auth": OAUTH}, "", SECRET),
    "issued": ({"auth": {**OAUTH, "send": "basic"}}, "", TOKEN),
    "extra": ({"auth": {**OAUTH, "client_secret": "USER", "extra": {"password": "%KEY%"}}}, "", SECRET),
    "in the path": ({}, "/%PATH_KEY%", IN_A_PATH),
    "in the url's query": ({}, "?key=%PATH_KEY%", IN_A_PATH),
    "in the query": ({"query": {"key": "%KEY%"}}, "", SECRET),
    "in a header": ({"headers": {"X-Key": "%HEADER_KEY%"}}, "", IN_A_HEADER),
    "in the body": ({"method": "POST", "body": {"key": ["%KEY%"]}}, "", SECRET),
    "storage": ({}, "", ACCOUNT_KEY),
}

FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "url": lambda text: quote(text, safe=""),
    "json": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "escapes": lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of more": lambda text: base64.urlsafe_b64encode(f"someone:{text}".encode()).decode(),
    "html": html.escape,
}

Said = tuple[int, dict[str, str], str]
ENDS: dict[str, Callable[[str], Said]] = {  # how the source ends a run, after one page
    "refused": lambda text: (403, {}, json.dumps({"error": text})),
    "not json": lambda text: (400, {}, text),
    "at the cut": lambda text: (400, {}, "." * 180 + text),
    "far behind": lambda text: (400, {}, (text + " ") * 2_000),
    "redirected": lambda text: (302, {"Location": "http://elsewhere.example/" + quote(text, safe="/%")}, ""),
    "no success": lambda text: (200, {}, json.dumps({"items": [], "ok": [text]})),
    "no list": lambda text: (200, {}, json.dumps({"ok": True, "said": text})),
    "no page": lambda text: (200, {}, f"<html>{text}</html>"),
    "cut off": lambda text: (200, {}, json.dumps({"ok": True, "items": [{"id": text}]})[:-4]),
    "away": lambda text: (503, {"X-Error": quote(text)}, text),
}  # fmt: skip


class Source(BaseHTTPRequestHandler):
    """A page with a next link, then an end: at /KIND/FORM/END, each as its number."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        where, _, query = self.path.partition("?")
        if where.startswith("/token"):
            is_bad = where.endswith("bad")
            error = {"error": FORMS["json"](SECRET) + FORMS["base64"](SECRET)}
            self._say(401 if is_bad else 200, {}, json.dumps(error if is_bad else {"access_token": TOKEN}))
            return
        numbers = map(int, where.split("/")[1:4])
        tables: tuple[dict[str, Any], ...] = KINDS, FORMS, ENDS
        kind, form, end = ([*table][number] for table, number in zip(tables, numbers, strict=True))
        secret = KINDS[kind][2]
        said, in_link = (
            FORMS[form](secret),
            quote(FORMS[form](secret), safe="%") if form != "raw" else quote(secret, safe=""),
        )
        page = int((re.findall(r"page=(\d)", query) or ["1"])[0])
        if page == 2:
            self._say(*ENDS[end](said))
            return
        tail = f"/{quote(secret)}" if kind == "in the path" else ""
        path = "/".join(where.split("/")[:4])
        link = f"http://{self.headers['Host']}{path}{tail}?page={page + 1}&key={in_link}"
        document = {
            "ok": True,
            "items": [{"id": f"{page}-{number}"} for number in range(3)],
            "next": link,
            "echo": said,
        }
        self._say(200, {"X-Echo": quote(said), "Link": f"<{link}>; rel=next"}, json.dumps(document))

    do_POST = do_GET

    def _say(self, status: int, headers: dict[str, str], text: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        body = text.encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def source() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Source)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def described(url: str) -> dict[str, dict[str, Any]]:
    """Return tables that combine each kind of secret with two ends; forms and ways of paging alternate."""
    tables: dict[str, dict[str, Any]] = {}
    for number, (kind, turn) in enumerate(product(range(len(KINDS)), range(ENDS_OF_EACH))):
        form, end = (kind + 3 * turn) % len(FORMS), number % len(ENDS)
        given, tail, _ = list(KINDS.values())[kind]
        table = {
            "url": f"{url}/{kind}/{form}/{end}{tail}",
            "items": "items",
            "message": "id",
            "success": "ok",
            "attempts": 1,
            "outage_seconds": 20,
            "pagination": {"style": "link_header" if turn % 2 else "next_url"},
            **given,
        }
        if auth := given.get("auth"):
            table["auth"] = auth | ({"token_url": f"{url}/token"} if "client_id" in auth else {})
        tables[f"s-{kind}-{form}-{end}"] = table
    extra = {**OAUTH, "client_secret": "USER", "extra": {"password": "%KEY%"}, "token_url": f"{url}/token/bad"}
    return {**tables, "s-bad-token": {**next(iter(tables.values())), "auth": extra}}


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
    return "[" + ", ".join(map(toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


def traces_of(secret: str) -> set[str]:
    """Return the traces of a secret: parts that no other text contains by accident, plain and encoded."""
    parts = [part[at : at + 6] for part in re.findall(r"\w{6,}", secret, re.ASCII) for at in range(len(part) - 5)]
    if secret == ACCOUNT_KEY:
        parts = [secret[at : at + 12] for at in range(len(secret) - 11)]
    traces = set(parts)
    for part in parts:
        traces |= {"".join(f"\\u{ord(each):04x}" for each in part), "".join(f"%{ord(each):02x}" for each in part)}
    for lead in range(3):
        encoded = base64.b64encode(bytes(lead) + secret.encode()).decode().rstrip("=")[4:-2]
        traces |= {encoded[at : at + 8] for at in range(len(encoded) - 7)}
    return traces


ENDS_OF_EACH = 2
TRACES = set[str]().union(*map(traces_of, (SECRET, IN_A_HEADER, IN_A_PATH, TOKEN, ACCOUNT_KEY)))


def found_in(text: str) -> set[str]:
    return {text[max(0, at - 60) : at + 60] for trace in TRACES if (at := text.find(trace)) >= 0}


class Records(logging.Handler):
    """Every log record as text, with exceptions as the host formats them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record) + str(record.__dict__))


def test_no_answer_log_span_status_history_or_blob_shows_a_secret(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    azurite: Azurite,
    queue_name: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    answers: dict[str, str] = {}
    records = Records()
    logging.getLogger().addHandler(records)
    try:
        with source() as url:
            tables = described(url)
            text = "\n".join(f"{json.dumps(name)} = {toml(table)}" for name, table in tables.items())
            (tmp_path / "sources.toml").write_text(text)
            settings: dict[str, Any] = {
                "AzureWebJobsStorage": azurite.connection_string,
                "SLUICE_SOURCES": str(tmp_path / "sources.toml"),
                "SLUICE_QUEUE": queue_name,
                "SLUICE_CONTAINER": queue_name,
                "SLUICE_CHUNKS_PER_BATCH": "1",  # so that each page is a batch, whose next link is stored
                "USER": "someone",
                "KEY": SECRET,
                "HEADER_KEY": IN_A_HEADER,
                "PATH_KEY": IN_A_PATH,
            }
            with exporting(monkeypatch) as exported, sluice(monkeypatch, tmp_path, **settings) as (app, http):
                http.timeout = httpx.Timeout(60)
                run_all(app, http, list(tables), answers)
                lines, telemetry, spans = "\n".join(app.lines), exported.text(), exported.spans()
    finally:
        logging.getLogger().removeHandler(records)
    kept = {
        **answers,
        "log": "\n".join(records.lines),
        "console": lines,
        "telemetry": telemetry,
        "output": "".join(capfd.readouterr()),
        **dict(blobs_of(azurite, queue_name)),
        **dict(rows_of(tmp_path / "devhost.db")),
    }
    assert {name: found for name, text in kept.items() if (found := found_in(text))} == {}
    with_urls = {name for name, text in answers.items() if "/runtime/webhooks/" in text}
    assert with_urls == {*(name for name in answers if name.startswith("start ")), "redrive"}, (
        "the system key is in them"
    )
    errors = [json.loads(text)["error"] for name, text in answers.items() if name.startswith("run ")]
    ends = "HTTP [34]|items|success|no page|not a page|redirects|no JSON|gave no token"
    assert all(re.search(ends, error) for error in errors)
    assert sum("***" in error for error in errors) > len(errors) / 2, "each run ends with what its source said"
    assert sum(name.startswith("blob ") for name in kept) > 5 * len(errors), "and its blobs were looked at"
    assert sum("***" in (span.status.description or "") for span in spans) > len(errors) / 2, "and its spans"


def run_all(app: RunningApp, http: httpx.Client, names: list[str], answers: dict[str, str]) -> None:
    """Run all sources to their ends at the same time; collect every answer."""
    for name in names:
        answers[f"start {name}"] = http.post("/api/runs", json={"source": name, "run_id": name, "chunk_size": 1}).text
    for name in names:
        app.wait(name)
        look = f"/runtime/webhooks/durabletask/instances/{name}?showHistory=true&showHistoryOutput=true&showInput=true"
        answers[f"run {name}"] = http.get(f"/api/runs/{name}").text
        answers[f"status {name}"] = http.get(look).text
        answers[f"again {name}"] = http.post(f"/api/runs/{name}/pause").text
        for part in ("report", "timeline", "failures", "rejected?payload=true", "queues"):
            answers[f"{part} of {name}"] = http.get(f"/api/runs/{name}/{part}").text
        answers[f"plan {name}"] = http.post("/api/plan", json={"source": name, "chunk_size": 1}).text
        answers[f"without links {name}"] = http.post(
            "/api/runs?links=none", json={"source": name, "run_id": name, "chunk_size": 1}
        ).text
    answers["redrive"] = http.post(f"/api/runs/{names[0]}/redrive").text
    app.wait(names[0])
    answers["redriven"] = http.get(f"/api/runs/{names[0]}").text
    answers["list"] = http.get("/api/runs?limit=100").text
    answers["sources"] = http.get("/api/sources").text
    answers["openapi"] = http.get("/api/openapi.json").text


def blobs_of(azurite: Azurite, name: str) -> Iterator[tuple[str, str]]:
    with ContainerClient.from_connection_string(azurite.connection_string, name) as container:
        for blob in container.list_blobs(include=["metadata"]):
            data = container.download_blob(blob.name).readall()
            yield f"blob {blob.name}", f"{blob.name} {blob.metadata} {data.decode('utf-8', 'replace')}"


def rows_of(file: Path) -> Iterator[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as state:
        for (table,) in state.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for number, row in enumerate(state.execute(f'SELECT * FROM "{table}"')):
                yield f"{table} {number}", " ".join(map(str, row))
