"""`make serve` serves what the README says."""

import shlex
import socket
from pathlib import Path

import pytest

from local.demo import serve, stack
from local.demo.settings import ApiSettings
from local.emulator import Azurite

ROOT = Path(__file__).parents[2]


def test_the_readme_asks_at_the_port_that_is_served() -> None:
    assert f"localhost:{serve.PORT}/api/runs" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "name"), [("[shop]\n[other]\n", "shop"), ("[shop]\n[demo]\n", "demo"), ("", "demo"), ("[shop", "demo")]
)
def test_the_command_to_type_names_a_source_that_the_users_file_has(text: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text)
    assert serve.source_to_try({"SLUICE_SOURCES": str(tmp_path / "mine.toml")}) == name


def test_the_command_to_type_works_in_a_folder_with_spaces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.executable", "/my folder/bin/python")
    said = serve.describe(stack.Stack(ApiSettings(), folder=tmp_path, azurite=Azurite(tmp_path / "azurite")))
    [command] = [line for line in said.splitlines() if " start " in line]
    assert shlex.split(command)[:2] == ["/my folder/bin/sluice", "start"]


def test_a_port_that_is_in_use_is_reported_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr("sys.argv", ["serve", "--port", str(port)])
        monkeypatch.setattr(serve, "Stack", None)
        assert serve.main() == 1
    assert capsys.readouterr().err.startswith(f"port {port} is in use: choose another one (make serve PORT=")


def test_until_the_user_describes_a_source_the_demo_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "ROOT", tmp_path)
    (tmp_path / "sources.toml").write_text("# none yet\n")
    assert stack.sources_of({}) == stack.DEMO_SOURCES
    for text in ("[orders]\n", "[orders"):
        (tmp_path / "sources.toml").write_text(text)
        assert stack.sources_of({}) == "sources.toml"
    assert stack.sources_of({"SLUICE_SOURCES": "mine.toml"}) == "mine.toml"


def test_the_file_that_is_deployed_has_no_source_of_the_demo() -> None:
    assert stack.names_in("sources.toml") == []
    assert "demo" in (stack.names_in(stack.DEMO_SOURCES) or [])
