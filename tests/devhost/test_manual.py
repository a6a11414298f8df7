"""The examples of docs/devhost.md work."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.devhost.__main__ import main

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs" / "devhost.md").read_text(encoding="utf-8")


def shown_tests() -> list[Callable[[Path], None]]:
    (block,) = re.findall(r"```python\n(.*?)```", MANUAL, flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, "docs/devhost.md", "exec"), names)
    return [test for name, test in names.items() if name.startswith("test_")]


@pytest.mark.parametrize("test", shown_tests(), ids=lambda test: test.__name__)
def test_the_tests_it_shows_pass(test: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    test(tmp_path)


def test_the_options_it_names_are_those_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code in (["--help"], 0), (["--port", "99999"], 2):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == code
    said = capsys.readouterr()
    assert "a port is a number from 0 to 65535" in said.err
    assert "Exit codes" in said.out
    named = set(re.findall(r"`(?:python -m local.devhost )?(--[a-z-]+)", MANUAL)) - {"--help"}
    assert named
    assert named <= set(re.findall(r"--[a-z-]+", said.out))


def test_the_files_and_settings_it_names_are_there() -> None:
    for name in re.findall(r"`((?:[a-z]+/)?[a-z_]+\.py)`", MANUAL):
        assert name == "function_app.py" or (ROOT / "local" / "devhost" / name).is_file(), name
    settings = (ROOT / "local" / "devhost" / "settings.py").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| settings \|(.*)$", MANUAL, flags=re.MULTILINE)
    for name in re.findall(r"`([A-Za-z_.]+)`", row):
        assert name.split(".")[-1] in settings, name
