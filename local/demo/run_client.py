"""Starts a run over HTTP and follows it over HTTP, as any user of the app would.

Enters: the app's URL and the request body. Leaves: the run's status, again and again until it has ended.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

POLL_SECONDS = 0.5
COMPLETED = ("completed", "completed_with_other_total", "completed_with_rejects", "completed_with_failures")
ENDED = frozenset({*COMPLETED, "cancelled", "failed", "terminated"})

Status = dict[str, Any]  # the body of GET /api/runs/{run_id}


class RunError(Exception):
    """The app refused the run, or the run stood still; the message is the reason."""


class RunClient:
    """The routes that matter: POST /api/runs, GET /api/runs/{run_id} and POST /api/runs/{run_id}/redrive."""

    def __init__(self, app_url: str) -> None:
        self._http = httpx.Client(base_url=f"{app_url}/api", timeout=30)

    def start(self, **body: object) -> str:
        """Start a run; fields that are None are left to the app. The run's id; RunError when it is refused."""
        answer = self._http.post("/runs", json={name: value for name, value in body.items() if value is not None})
        if answer.status_code != 202:
            raise RunError(f"POST /api/runs answered {answer.status_code}: {answer.text.strip()[:500]}")
        return str(answer.json()["id"])

    def redrive(self, run_id: str) -> None:
        """Let a run that has ended or was lost go on; RunError when it is refused."""
        answer = self._http.post(f"/runs/{run_id}/redrive")
        if answer.status_code != 202:
            raise RunError(
                f"POST /api/runs/{run_id}/redrive answered {answer.status_code}: {answer.text.strip()[:500]}"
            )

    def status(self, run_id: str) -> Status:
        answer = self._http.get(f"/runs/{run_id}")
        if answer.status_code != 200:
            raise RunError(f"GET /api/runs/{run_id} answered {answer.status_code}: {answer.text.strip()[:500]}")
        body: Status = answer.json()
        return body

    def follow(self, run_id: str, *, check: Callable[[], None], patience_seconds: float) -> Iterator[Status]:
        """The status at each look, the last one of a run that has ended.

        Raises RunError when nothing changes for longer than the patience, and whatever `check` raises: an app that does
        not answer may be at its end, and `check` tells why.
        """
        before, changed_at = None, time.monotonic()
        while True:
            check()
            status = self._look(run_id)
            if status is not None:
                yield status
                if status["status"] in ENDED:
                    return
                if (seen := (status["status"], status["progress"])) != before:
                    before, changed_at = seen, time.monotonic()
            if time.monotonic() - changed_at > patience_seconds:
                stands = f"the run stood still for {patience_seconds:.0f} s: {before}"
                raise RunError(stands if status else f"{stands}; the app does not answer")
            time.sleep(POLL_SECONDS)

    def _look(self, run_id: str) -> Status | None:
        try:
            return self.status(run_id)
        except httpx.TransportError:
            return None

    def __enter__(self) -> "RunClient":
        return self

    def __exit__(self, *ending: object) -> None:
        self._http.close()
