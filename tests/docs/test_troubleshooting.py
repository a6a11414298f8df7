"""docs/troubleshooting.md quotes the app: each quoted message is in the code, word by word."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SAYS = ("activities", "clients", "ingestion", "local", "orchestrators", "terminal")
NO_MESSAGE = ("sluice ", "make ", "export ", "end = ", "encoding = ")  # what a reader types
QUOTED = sorted({text for text in re.findall(r"`([^`]+)`", PAGE) if " " in text and not text.startswith(NO_MESSAGE)})


@cache
def texts() -> list[str]:
    """Return every text in the code, an expression in it as `…`."""
    files = (file for folder in SAYS for file in (ROOT / folder).rglob("*.py"))
    return [text for file in files for node in ast.walk(ast.parse(file.read_text("utf-8"))) for text in text_of(node)]


def text_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


@pytest.mark.parametrize("quoted", QUOTED)
def test_the_app_says_each_message_that_the_page_quotes(quoted: str) -> None:
    pattern = re.compile(".*".join(re.escape(piece) for piece in quoted.split("…")))
    assert any(pattern.search(text) for text in texts()), "nothing in the code says this"


def test_the_runbook_has_a_row_for_each_alert() -> None:
    rows = " ".join(re.findall(r"(?m)^\| ([a-z, -]+) \|", (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")))
    alerts = [file.stem.removeprefix("alert_") for file in (ROOT / "infra" / "queries").glob("alert_*.kql")]
    assert len(alerts) > 10
    assert [name for name in alerts if name.replace("_", "-") not in rows] == []


def test_the_page_quotes_messages() -> None:
    assert len(QUOTED) > 30


def test_a_message_that_nobody_says_is_found() -> None:
    assert not any("the queue is away at lunch" in text for text in texts())
