"""The list of known differences and the table in docs/devhost.md agree."""

import pytest

from tests.real_host.known import KNOWN, Known, table_rows
from tests.real_host.marks import Marks
from tests.real_host.parts import PARTS
from tests.real_host.rows import Row, compare_answers
from tests.real_host.verdict import problems

SECRETS = Marks({"http://127.0.0.1:5": "{origin}", "abc=": "{systemkey}"})


def test_the_table_of_what_devhost_does_not_do_has_at_most_15_rows() -> None:
    rows = table_rows()
    assert 0 < len(rows) <= 15
    assert len(set(rows)) == len(rows)


def test_each_known_difference_names_a_row_of_the_table_and_a_part_of_the_comparison() -> None:
    assert {it.why for it in KNOWN} <= set(table_rows())
    assert {it.part for it in KNOWN} <= set(PARTS)


def test_a_difference_without_an_entry_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.real_host.known.KNOWN", (Known("reason", "part", "other", "status"),))
    (unlisted, unused) = problems("part", [Row("case", "status", 200, 404)])
    assert "case: status" in unlisted
    assert "explains no difference" in unused


def test_a_difference_with_an_entry_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.real_host.known.KNOWN", (Known("reason", "part", "case", "sta.*"),))
    assert problems("part", [Row("case", "status", 200, 404), Row("case", "body", 1, 1)]) == []


def test_an_entry_of_another_part_explains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.real_host.known.KNOWN", (Known("reason", "other"),))
    assert len(problems("part", [Row("case", "status", 200, 404)])) == 1


@pytest.mark.parametrize(
    ("header", "theirs", "ours", "agrees"),
    [
        ("Location", "/a", "/b", False),
        ("retry-after", "5", "10", False),
        ("www-authenticate", "Bearer", None, False),
        ("content-type", "text/plain; charset=utf-8", "text/plain;charset=UTF-8", True),
        ("x-other", "1", "2", True),
    ],
)
def test_headers_that_a_client_acts_on_are_compared(header: str, theirs: str, ours: str | None, agrees: bool) -> None:
    answers = [{"status": 200, "headers": {} if it is None else {header: it}, "body": ""} for it in (theirs, ours)]
    assert all(row.agrees for row in compare_answers("case", *answers)) == agrees


def test_a_number_is_no_truth_value_and_an_absent_key_is_no_null() -> None:
    answers = [{"status": 200, "headers": {}, "body": body} for body in ({"a": 1, "b": None}, {"a": True})]
    assert [row.what for row in compare_answers("case", *answers) if not row.agrees] == ["body.a", "body.b"]


@pytest.mark.parametrize(
    ("text", "levelled"),
    [
        ("2026-11-25T22:08:17.1895401Z", "{time}"),
        ("0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00+00:00"),
        ("id 0b0c867b1ed0cc70e299d2cf771b497d.", "id {id32}."),
        ("1e28c714-2178-4a1a-9a11-f7a406c7eeef", "{guid}"),
        ("http://127.0.0.1:5/x?taskHub=h&code=abc=", "{origin}/x?taskHub=h"),
        ("failed: (Exception: x\nStack:   File (a)\n b)", "failed: (Exception: x\nStack: {stack})"),
        ('{"StackTrace":"at \\"a\\"","B":1}', '{"StackTrace":"{stack}","B":1}'),
        ('{"StackTrace":"File \\"a\\", line 1","B":1}', '{"StackTrace":"{stack}","B":1}'),
        ('{"Message":"Result\\nStack: File \\"a\\", line 1","B":1}', '{"Message":"Result\\nStack: {stack}","B":1}'),
        ('{"Message":"Result\\nStack: at \\"a\\" b","B":1}', '{"Message":"Result\\nStack: {stack}","B":1}'),
        ("{time} {stack} {guid}", "{time} {stack} {guid}"),
    ],
)
def test_what_varies_becomes_a_mark(text: str, levelled: str) -> None:
    assert SECRETS.level(text) == levelled
    assert SECRETS.level(levelled) == levelled
