"""`sluice plan --url` as a person types it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ingestion.source.check import check
from terminal.ending import Code
from tests.e2e.small_api import SmallApi
from tests.terminal.conftest import Call


@contextmanager
def served() -> Iterator[tuple[str, SmallApi]]:
    """An API with a cursor."""
    api = SmallApi()

    def answer(path: str, query: dict[str, str]) -> tuple[int, Any]:
        at = int(query.get("cursor", 0))
        following = str(at + 5) if at < 20 else None
        return 200, {"orders": [{"id": f"o-{at + n}"} for n in range(5)], "next_cursor": following}

    api.answer = answer
    with api.served() as url:
        yield f"{url}/orders", api


def test_the_table_goes_to_stdout_alone_and_passes_the_check(call: Call, tmp_path: Any) -> None:
    with served() as (url, _):
        said = call("plan", "--url", url, "--header", "Authorization: Bearer s3cret", "--param", "size=5")
    assert said.code == Code.COMPLETED
    assert said.out.startswith("[orders]\n")
    assert 'style = "cursor"' in said.out
    assert "s3cret" not in said.out + said.err
    assert "ORDERS_TOKEN" in said.err
    file = tmp_path / "sources.toml"
    file.write_text(said.out)
    lines, well = check(file, {"ORDERS_TOKEN": "x"})
    assert (lines, well) == (["orders: ok, cursor"], True)


def test_the_table_as_json_has_what_was_not_found_out(call: Call) -> None:
    with served() as (url, _):
        said = call("plan", "--url", url, "--json")
    assert said.json["source"] == "orders"
    assert said.json["toml"].startswith("[orders]")
    assert "how many items there are in total" in said.json["open"]
    assert said.json["settings"] == []


def test_nothing_goes_to_the_app(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    app = SmallApi()
    with app.served() as there, served() as (url, _):
        monkeypatch.setenv("SLUICE_URL", there)
        assert call("plan", "--url", url).code == Code.COMPLETED
    assert app.asked == []


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("orders", "--url", "http://127.0.0.1:1"),
        ("orders", "--header", "A: b"),
        ("--url", "http://127.0.0.1:1", "--header", "nothing"),
        ("--url", "http://127.0.0.1:1", "--chunk-size", "5"),
        ("--url", "http://127.0.0.1:1", "--param", "nothing"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(call: Call, words: tuple[str, ...]) -> None:
    said = call("plan", *words)
    assert (said.code, said.out) == (Code.USAGE, "")


def test_an_app_that_is_named_behind_plan_gets_the_right_command(call: Call) -> None:
    assert "sluice --url http://127.0.0.1:1 plan orders" in call("plan", "--url", "http://127.0.0.1:1", "orders").err


def test_an_api_that_is_not_there_is_unreachable(call: Call) -> None:
    assert call("plan", "--url", "http://127.0.0.1:1/orders").code == Code.UNREACHABLE
