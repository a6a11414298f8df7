"""Words that nobody takes in at the first reading are in no text of the project; docs/style.md has better ones."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A letter of each is in brackets, so that this file does not match itself.
WORDS = ("w[i]sh", "w[i]shes", "stands in the w[a]y", "by the l[o]oks of", "wants? a l[o]ok")
PATTERN = re.compile(rf"\b({'|'.join(WORDS)})\b", re.IGNORECASE)


def found(text: str) -> list[str]:
    """Return the lines that contain one of the words, in upper or lower case."""
    return [line for line in text.splitlines() if PATTERN.search(line)]


def test_no_text_has_a_word_that_needs_two_readings() -> None:
    command = ["git", "ls-files", "-z", "*.md", "*.py"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        assert found((ROOT / name).read_text(encoding="utf-8")) == [], name


def test_such_a_word_is_found_in_any_case() -> None:
    text = "Any W{}sh.\nNo wishbone.\nIt stands in the w{}y.\n".format("i", "a")
    assert found(text) == [text.splitlines()[0], text.splitlines()[2]]
