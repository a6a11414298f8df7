"""What `python -m tests.real_host` prints."""

from collections.abc import Callable

import pytest

from tests.real_host.__main__ import main
from tests.real_host.rows import Row


def _rows(*rows: Row) -> Callable[[], list[Row]]:
    return lambda: list(rows)


@pytest.fixture(autouse=True)
def two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {
        "one": _rows(Row("a", "status", 200, 404), Row("b", "status", 1, 1)),
        "two": _rows(Row("c", "x", 1, 1)),
    }
    monkeypatch.setattr("tests.real_host.parts.PARTS", parts)
    monkeypatch.setattr("tests.real_host.__main__.PARTS", parts)


def test_a_part_is_one_line_and_an_unlisted_difference_shows_both_sides(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 1
    first, second, _, *difference, end = capsys.readouterr().out.splitlines()
    assert first.split() == ["one", "2", "cases", "2", "rows", "1", "agree", "differ:", "NOT", "LISTED", "1"]
    assert second.split() == ["two", "1", "cases", "1", "rows", "1", "agree", "differ:", "none"]
    assert difference == ["one: a: status", "    real host: 200", "    devhost:   404"]
    assert end.startswith("1 differences")


def test_the_beginning_of_a_name_chooses_parts_and_agreement_is_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tw"]) == 0
    assert capsys.readouterr().out.startswith("two ")


def test_a_name_that_no_part_begins_with_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    assert capsys.readouterr().out == "no part begins so; there are one, two\n"
