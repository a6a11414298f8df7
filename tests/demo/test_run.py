"""The last line of a run says OK only if everything matches, and otherwise why not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.demo.readback import Comparison
from local.demo.run import Outcome, describe, main, verdict

COUNTS: dict[str, Any] = {
    "fetched": 1000, "enqueued": 1000, "rejected": 0, "failed": 0, "pending": 0,
    "chunks_done": 2, "chunks_total": 2, "batches": 1, "source_exhausted": True, "source_total": 1000,
}  # fmt: skip
GOOD = Outcome(
    status={"run_id": "r1", "status": "completed", "progress": COUNTS, "report": COUNTS, "error": None},
    seconds=2.04,
    found=Comparison(served=1000, enqueued=1000, unique=1000, lost=0, duplicates=0, foreign=0),
    megabytes={},
)


def test_a_run_that_agrees_ends_in_the_promised_line() -> None:
    expected = "RUN OK ids=1000 enqueued=1000 unique=1000 lost=0 duplicates=0 seconds=2.0 per_second=490"
    assert verdict(GOOD) == expected
    assert "1,000 unique, 0 lost" in describe(GOOD)


def test_a_run_that_does_not_agree_says_in_what() -> None:
    found = Comparison(served=1000, enqueued=1001, unique=999, lost=1, duplicates=2, foreign=0)
    assert verdict(replace(GOOD, found=found)) == (
        "RUN FAILED lost=1; duplicates=2; the report says enqueued=1000, but the queue holds 1001"
    )


def test_a_run_that_completed_with_failures_is_not_ok() -> None:
    status = GOOD.status | {"status": "completed_with_failures", "report": COUNTS | {"failures": ["chunk 1"]}}
    assert verdict(replace(GOOD, status=status)).startswith("RUN FAILED the run ended as completed_with_failures")


def test_a_folder_that_cannot_be_made_is_the_reason_of_a_failed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("sys.argv", ["run", "--ids", "1", "--folder", str(tmp_path / "file" / "logs")])
    assert main() == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"RUN FAILED cannot create the folder {tmp_path / 'file' / 'logs'}")
    assert last.endswith(": Not a directory")
