"""`sluice capacity`: it asks no app, prints what docs/capacity.md shows, and refuses what makes no sense."""

import re
import shlex

import pytest

from terminal.ending import Code
from tests.app_host import ROOT
from tests.terminal.conftest import Call

PAGE = (ROOT / "docs" / "capacity.md").read_text(encoding="utf-8")
SHOWN = [
    (command, text)
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for command, text in re.findall(r"\$ sluice (capacity.*)\n((?:(?!\$ ).*\n)*)", block)
]
KINDS = {"queue", "blob_writes", "blob_reads", "blob_lists", "blob_other", "blob_deletes", "durable_queue"}


@pytest.fixture(autouse=True)
def _no_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_URL", "http://127.0.0.1:1")  # nothing answers there


@pytest.mark.parametrize(("command", "text"), SHOWN, ids=[command for command, _ in SHOWN])
def test_each_table_of_the_page_is_what_the_command_prints(command: str, text: str, call: Call) -> None:
    said = call(*shlex.split(command))
    assert said.code == Code.COMPLETED
    whole = said.out if "…" not in text else said.out[: said.out.index("\n\n") + 1] + "…\n"
    assert text == whole


def test_the_page_shows_tables() -> None:
    assert len(SHOWN) >= 3


def test_without_a_size_it_tells_of_a_million_to_ten_billion_ids(call: Call) -> None:
    runs = call("capacity", "--json").json["runs"]
    assert [one["ids"] for one in runs] == [10**power for power in range(6, 11)]
    assert [one["seconds"] for one in runs] == sorted(one["seconds"] for one in runs)


def test_json_has_every_figure_and_what_it_rests_on(call: Call) -> None:
    found = call("capacity", "--ids", "1e9", "--shards", "8", "--format", "packed", "--backend", "dts", "--json").json
    assert (found["asked"]["shards"], found["asked"]["backend"]) == (8, "dts")
    (run,) = found["runs"]
    assert run["ids"] == 1_000_000_000
    assert run["transactions"].keys() >= KINDS
    assert run["durable_actions"] > run["chunks"]
    assert run["money"]["without"] == ["durable_actions"]
    assert run["money"]["total"] == pytest.approx(sum(run["money"]["parts"].values()), rel=0.001)
    assert [bound["name"] for bound in run["bounds"]] == ["max_pages", "one chain of pages"]
    assert found["idle_30_days"]["total"] > 0
    assert len(found["rests_on"]) == 2
    assert "check them" in run["money"]["rests_on"]


def test_a_person_is_told_what_has_no_price_which_bounds_are_passed_and_what_it_rests_on(call: Call) -> None:
    out = call("capacity", "--ids", "1e9", "--backend", "dts").out
    assert "+ ?" in out
    for part in ("without a price: durable_actions", "max_pages", "idle for 30 days", "as read on 2026-11-26"):
        assert part in out


def test_prices_of_ones_own_are_taken(call: Call, tmp_path: object) -> None:
    file = f"{tmp_path}/own.toml"
    with open(file, "w", encoding="utf-8") as text:
        for kind in ("gb_seconds", "durable_actions"):
            text.write("" if kind != "gb_seconds" else 'currency = "EUR"\n')
            text.write(f'[{kind}]\nprice = 1.0\nper = 1\nregion = "x"\nread = 2027-01-01\nsource = "y"\n')
    money = call("capacity", "--ids", "1e6", "--backend", "dts", "--prices", file, "--json").json["runs"][0]["money"]
    assert (money["currency"], sorted(money["parts"])) == ("EUR", ["durable_actions", "gb_seconds"])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--ids", "many"], "--ids"),
        (["--ids", "0"], "--ids"),
        (["--ids", "1.5"], "--ids"),
        (["--shards", "0"], "--shards"),
        (["--page-items", "-1"], "--page-items"),
        (["--workers", "0"], "--workers"),
        (["--format", "zip"], "SLUICE_MESSAGE_FORMAT"),
        (["--chunk-size", "60000"], "SLUICE_CHUNK_SIZE"),
        (["--backend", "netherite"], "--backend"),
        (["--prices", "/nowhere/prices.toml"], "--prices"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused_by_its_name(words: list[str], named: str, call: Call) -> None:
    said = call("capacity", *words)
    assert (said.code, said.out) == (Code.USAGE, "")
    assert named in said.err
