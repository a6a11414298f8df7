"""Starts a run over HTTP and follows it over HTTP, as any user of the app would.

Enters: the app's URL and the request body. Leaves: the run's status, again and again until it has ended.
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
    """The app refused the run, or the run stood still; the message is the reason."""


class RunClient:
    """The routes that matter: POST /api/runs and GET /api/runs/{run_id}."""

    def __init__(self, app_url: str) -> None:
        self._http = httpx.Client(base_url=f"{app_url}/api", timeout=30)

    def start(self, **body: object) -> str:
        """Start a run and return its id; fields that are None are left to the app. Raise RunError if it is refused."""
        given = {name: value for name, value in body.items() if value is not None}
        return str(self._ask("POST", "/runs", given)["id"])

    def status(self, run_id: str) -> Status:
        """Return the status of a run; raise RunError if the app gives none."""
        return self._ask("GET", f"/runs/{run_id}")

    def follow(self, run_id: str, *, check: Callable[[], object], patience_seconds: float) -> Iterator[Status]:
        """Yield the status at each look, the last one of a run that has ended.

        A look that brings no status is no end. Raise RunError when neither the status nor what `check` returns changes
        for longer than the patience, and whatever `check` raises, which may tell why the app does not answer.
        """
        known, before, changed_at = None, None, time.monotonic()
        while True:
            sign, silence = check(), ""
            try:
                status = self.status(run_id)
            except (RunError, httpx.TransportError) as error:
                silence = f"; at last: {error}"
            else:
                yield status
                if status["status"] in ENDED:
                    return
                known = status["status"], status["progress"]
            if (sign, known) != before:
                before, changed_at = (sign, known), time.monotonic()
            elif time.monotonic() - changed_at > patience_seconds:
                raise RunError(f"the run stood still for {patience_seconds:.0f} s: {known}{silence}")
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
