"""What is served stands where the README looks for it."""

from pathlib import Path

from local.demo import serve

ROOT = Path(__file__).parents[2]


def test_the_readme_asks_at_the_port_that_is_served() -> None:
    assert f"localhost:{serve.PORT}/api/runs" in (ROOT / "README.md").read_text(encoding="utf-8")
