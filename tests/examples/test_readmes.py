"""Each example says in a few lines what it is and how to run it."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted(path for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_a_readme_of_at_most_fifteen_lines(example: Path) -> None:
    assert len((example / "README.md").read_text().splitlines()) <= 15
