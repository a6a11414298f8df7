"""Start a run over HTTP and follow it, as any user of the app does.

Input: the app's URL and the request body. Output: the status of the run, repeatedly until the run has ended.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import httpx

POLL_SECONDS = 0.5
COMPLETED = ("completed", "completed_with_other_total", "completed_with_rejects", "completed_with_failures")
ENDED = (*COMPLETED, "cancelled", "failed", "terminated")

Status = dict[str, Any]  # the body of GET /api/runs/{run_id}


class RunError(Exception):
    """The app refused the run, or the run made no progress; the message is the reason."""


class RunClient:
    """A client for two routes: POST /api/runs and GET /api/runs/{run_id}."""

    def __init__(self, app_url: str) -> None:
        self._http = httpx.Client(base_url=f"{app_url}/api", timeout=30)

    def start(self, **body: object) -> str:
        """Start a run and return its id; fields that are None are not sent. Raise RunError if the app refuses it."""
        given = {name: value for name, value in body.items() if value is not None}
        return str(self._ask("POST", "/runs", given)["id"])

    def status(self, run_id: str) -> Status:
        """Return the status of a run. Raise RunError if the app does not answer with success."""
        return self._ask("GET", f"/runs/{run_id}")

    def follow(self, run_id: str, *, check: Callable[[], object], patience_seconds: float) -> Iterator[Status]:
        """Poll the status and yield it each time, until the run has ended.

        A failed request does not end the polling. Raise RunError if neither the status nor the value of `check` changes
        for `patience_seconds`. An exception of `check` passes through: it may say why the app does not answer.
        """
        known, before, changed_at = None, None, time.monotonic()
        while True:
            checked, last_error = check(), ""
            try:
                status = self.status(run_id)
            except (RunError, httpx.TransportError) as error:
                last_error = f"; last error: {error}"
            else:
                yield status
                if status["status"] in ENDED:
                    return
                known = status["status"], status["progress"]
            if (checked, known) != before:
                before, changed_at = (checked, known), time.monotonic()
            elif time.monotonic() - changed_at > patience_seconds:
                raise RunError(f"the run made no progress for {patience_seconds:.0f} s: {known}{last_error}")
            time.sleep(POLL_SECONDS)

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self._http.request(method, path, json=body)
        if not answer.is_success:
            raise RunError(f"{method} /api{path} answered {answer.status_code}: {answer.text.strip()[:500]}")
        given: dict[str, Any] = answer.json()
        return given

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ending: object) -> None:
        self._http.close()
