"""The client follows a run until it has ended, or until it is clear why it cannot end."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.demo.run_client import RunClient, RunError, Status
from local.emulator import ChildError

SILENT = httpx.ConnectError("nobody listens")


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.demo.run_client.POLL_SECONDS", 0)


class Scripted(RunClient):
    """Returns one answer after another."""

    def __init__(self, *looks: Any) -> None:
        super().__init__("http://unused")
        self.looks: Iterator[Any] = iter(looks)

    def status(self, run_id: str) -> Status:
        look = next(self.looks)
        if isinstance(look, Exception):
            raise look
        return {"status": look, "progress": None}


def followed(*looks: Any, patience_seconds: float = 60.0) -> list[Any]:
    with Scripted(*looks) as client:
        given = client.follow("r", check=lambda: None, patience_seconds=patience_seconds)
        return [status["status"] for status in given]


def test_a_poll_without_an_answer_does_not_end_the_following() -> None:
    assert followed("running", SILENT, "running", "completed") == ["running", "running", "completed"]


def test_the_error_shows_the_last_output_of_an_app_that_has_ended() -> None:
    ends = iter([None, None, ChildError("devhost ended with code 1")])

    def check() -> None:
        if (end := next(ends)) is not None:
            raise end

    with Scripted("running", SILENT) as client, pytest.raises(ChildError, match="ended with code 1"):
        list(client.follow("r", check=check, patience_seconds=60))


def test_patience_with_an_app_that_never_answers_ends() -> None:
    with pytest.raises(RunError, match="made no progress for 0 s: None; last error: nobody listens"):
        followed(SILENT, SILENT, patience_seconds=0)
