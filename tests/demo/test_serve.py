"""What is served stands where the README looks for it."""

from pathlib import Path

import pytest

from local.demo import serve

ROOT = Path(__file__).parents[2]


def test_the_readme_asks_at_the_port_that_is_served() -> None:
    assert f"localhost:{serve.PORT}/api/runs" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "name"), [("[shop]\n[other]\n", "shop"), ("[shop]\n[demo]\n", "demo"), ("", "demo"), ("[shop", "demo")]
)
def test_the_command_to_type_names_a_source_that_the_users_file_has(text: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text)
    assert serve.source_to_try({"SLUICE_SOURCES": str(tmp_path / "mine.toml")}) == name
    assert serve.source_to_try({}) == "demo"
