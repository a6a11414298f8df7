"""Bring instances into the states that they had on the real host at the start of a transcript."""

from tests.real_host.host import Host

# State: orchestrator of the app `api`, and what is done to the instance afterwards.
_WAYS = {
    "Running": ("waits", None),
    "Completed": ("quick", None),
    "Failed": ("boom", None),
    "Terminated": ("waits", "terminate?reason=over"),
    "Suspended": ("waits", "suspend?reason=pause"),
}
_KINDS = {"done": "Completed", "fail": "Failed", "term": "Terminated", "run": "Running", "susp": "Suspended"}


def bring(host: Host, instance_id: str, status: str) -> None:
    """Create an instance of the app `api` with this status."""
    orchestrator, then = _WAYS[status]
    host.start(orchestrator, instance_id, {"in": instance_id})
    if then is not None:
        host.app.rest()
        host.post(f"/instances/{instance_id}/{then}")
    host.app.wait(instance_id, lambda it: it.status == status)


def bring_ten(host: Host, prefix: str) -> None:
    """Create two instances of each state, as before each purge by filter."""
    for kind, status in _KINDS.items():
        for number in range(2):
            bring(host, f"{prefix}-{kind}-{number}", status)
    host.app.rest()
