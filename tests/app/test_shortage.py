"""A shortage of file descriptors is temporary: the work is tried again, and neither a run nor a chunk fails."""

import errno
from pathlib import Path
from typing import Any

import pytest

from activities.activity import activity
from clients.start_run import start_run
from ingestion.contracts import FailedPage, LoadRequest
from ingestion.errors import RetryableError, SourceUnreachable
from ingestion.run.run_state import next_window
from ingestion.wire import to_wire
from tests.app.driven import call
from tests.app.kept import FRESH, Kept

SHORTAGES = pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])


@SHORTAGES
async def test_a_sources_file_that_cannot_be_opened_for_a_moment_ends_no_run_and_holds_none(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    assert await kept.ask(start_run, "pinned") == 202
    pinned = kept.engine.started[-1]

    original = Path.read_text

    def read_text(self: Path, *given: Any, **named: Any) -> str:
        if self.name == "sources.toml":
            raise OSError(number, "too many open files")
        return original(self, *given, **named)

    monkeypatch.setattr(Path, "read_text", read_text)
    for name, request in {
        "fetch_batch": next_window(FRESH, kept.now).supply,
        "record_window": pinned,
    }.items():
        with pytest.raises(RetryableError, match="no file descriptor is left"):
            await call(name, to_wire(request))
    assert await kept.ask(start_run, "other") == 503


@SHORTAGES
async def test_a_refusal_because_of_a_shortage_is_temporary(kept: Kept, number: int) -> None:
    @activity(LoadRequest, FailedPage, doing="load the failed chunks of run {0.run.id}")
    async def work(*_: Any) -> FailedPage:
        try:
            raise OSError(number, "too many open files")
        except OSError:
            raise SourceUnreachable("the source is away") from None

    request = to_wire(LoadRequest(run=FRESH.run, attempt=0, next_byte=0, most=1))
    with pytest.raises(RetryableError, match="could not load the failed chunks of run run: no file descriptor is left"):
        await work(request)
