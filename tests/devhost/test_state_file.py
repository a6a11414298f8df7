"""One devhost at a time, one schema, one file; the keys beside it."""

import sqlite3
from pathlib import Path

import pytest

from local.devhost.errors import DevhostError, StateFileError
from local.devhost.http.keys import key_file, load_keys
from local.devhost.hub.state_file import SCHEMA_VERSION, open_state_file


def test_a_second_opener_is_refused_until_the_first_has_closed(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.db"
    first = open_state_file(path)
    with pytest.raises(StateFileError, match="in use by another devhost"):
        open_state_file(path)
    first.close()
    open_state_file(path).close()


def test_a_file_of_another_schema_is_refused_with_both_numbers(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection = open_state_file(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(StateFileError, match=f"has schema {SCHEMA_VERSION + 1}, but this devhost reads schema"):
        open_state_file(path)


def test_a_file_of_an_older_schema_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.db"
    open_state_file(path).close()
    monkeypatch.setattr("local.devhost.hub.state_file.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(StateFileError, match=f"has schema {SCHEMA_VERSION}, but this devhost reads schema") as refused:
        open_state_file(path)
    assert "delete the file, or name another one with --state" in str(refused.value)


def test_another_program_s_database_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StateFileError, match="was not written by devhost"):
        open_state_file(path)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("not a database " * 100)
    with pytest.raises(StateFileError, match="not a devhost state file"):
        open_state_file(path)


def test_a_path_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateFileError, match="cannot be used: unable to open"):
        open_state_file(tmp_path)


@pytest.mark.parametrize(("kept", "refusal"), [(None, "use"), ("{}}", "read")])
def test_a_key_file_that_cannot_be_used_is_refused(tmp_path: Path, kept: str | None, refusal: str) -> None:
    path = key_file(tmp_path / "state.db")
    path.mkdir() if kept is None else path.write_text(kept)
    with pytest.raises(DevhostError, match=f"^cannot {refusal} key file "):
        load_keys(tmp_path / "state.db", ["page"])
