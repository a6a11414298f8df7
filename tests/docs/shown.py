"""The commands and outputs on a page: read its `console` blocks as steps, and compare outputs.

A line with `$ ` begins a command; the lines below are its output, on stdout and stderr. `…` stands for any text, on a
line of its own for any lines. Times, durations, rates and megabytes may differ, everything else is compared word by
word; line breaks count as spaces. A comment `<!-- file: NAME -->` before a block makes the block that file.
"""

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"(?:<!-- (?P<mark>[^>]+) -->\n\s*)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
VARY = [  # what differs from run to run, and what is written in its place
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00)?", "<time>"),
    (r"(seconds|per_second)=[\d.]+", r"\1=<number>"),
    (r"([\d.]+ (h|min) )?[\d.]+ (ms|s|min)\b", "<duration>"),
    (r"[\d,.]+/s\b", "<rate>"),
    (r"[\d,]+ MB", "<size>"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command with its output, or with `file` the text of that file."""

    line: int
    command: str = ""
    shown: str = ""
    file: str = ""


def steps_of(page: Path) -> list[Step]:
    """Return the steps of a page. Raise ValueError for a block that is neither commands nor a marked file."""
    text, steps = page.read_text(encoding="utf-8"), list[Step]()
    for block in FENCE.finditer(text):
        line = text.count("\n", 0, block.start("text")) + 1
        mark, kind = block["mark"] or "", block["kind"]
        if mark.startswith("file: "):
            steps.append(Step(line=line, file=mark.removeprefix("file: "), shown=block["text"]))
        elif kind == "console":
            steps += commands(block["text"], line)
        elif mark not in RUN_ELSEWHERE:
            raise ValueError(f"{page.name}:{line}: nothing runs this block ({kind or 'no language'})")
    return steps


RUN_ELSEWHERE = {"nightly"}  # tests/e2e/test_nights.py


def commands(text: str, line: int) -> list[Step]:
    """Return the commands of a console block, each with its output."""
    before, *parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    if before:
        raise ValueError(f"line {line}: a console block begins with a command")
    steps = []
    for part in parts:
        command, _, shown = part.partition("\n")
        steps.append(Step(line=line, command=command, shown=shown))
        line += part.count("\n")
    return steps


def normal(text: str) -> str:
    """Return a text in one line, with a word in place of what differs from run to run."""
    for pattern, word in VARY:
        text = re.sub(pattern, word, text)
    return " ".join(text.split())


def agrees(shown: str, said: str) -> bool:
    """Return whether an output matches the page."""
    pattern = r"\s*".join(".*?".join(re.escape(piece) for piece in re.split(r"\s*…\s*", normal(shown))).split(r"\ "))
    return re.fullmatch(pattern, normal(said), re.DOTALL) is not None
