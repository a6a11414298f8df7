"""`python -m local.demo.run` (make run): move ids from the demo API to the queue, and check that each one arrived.

1. start Azurite, the demo API and devhost;
2. POST the run, follow its status until it ends, and show it as `sluice watch` does;
3. read the whole queue back with the official client and compare it with the API;
4. print what happened. The last line starts with RUN OK, or with RUN FAILED and the reason (exit code 1).
"""

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from azure.core.exceptions import AzureError
from rich.console import Console
from rich.text import Text

from local.demo.ending import interruptible
from local.demo.readback import Comparison
from local.demo.run_client import RunError
from local.demo.settings import add_flags, settings_from
from local.demo.stack import Stack
from local.demo.usage import megabytes_of
from local.emulator import ChildError
from terminal.display import Display
from terminal.report import report
from terminal.words import count, rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A run that has ended, and what the check found."""

    status: dict[str, Any]
    seconds: float
    found: Comparison
    megabytes: dict[str, tuple[int, int] | None]


def watch(stack: Stack, display: Display, *, chunk_size: int | None) -> Outcome:
    """Do steps 2 and 3."""
    started = time.monotonic()
    for run in stack.run(chunk_size=chunk_size):
        display.show_run(run)
    seconds = time.monotonic() - started
    megabytes = {"devhost with the app": megabytes_of(*stack.app_pids)}
    begun, total = time.monotonic(), run["progress"]["enqueued"]

    def progress(arrived: int) -> None:
        text = f"read back {count(arrived)}/{count(total)}  {rate(arrived / max(time.monotonic() - begun, 0.001))}"
        display.show(lambda: Text(text), text)

    found = stack.read_back(progress=progress)
    megabytes["Azurite"] = megabytes_of(stack.azurite.pid)
    return Outcome(status=run, seconds=seconds, found=found, megabytes=megabytes)


def reasons(outcome: Outcome) -> list[str]:
    """Return what went wrong; an empty list if nothing did."""
    found, report = outcome.found, outcome.status["report"] or {}
    faults = [f"{name}={getattr(found, name)}" for name in ("lost", "duplicates", "foreign") if getattr(found, name)]
    if outcome.status["status"] != "completed":
        why = str(outcome.status["error"] or report.get("failures"))[:300]
        faults.insert(0, f"the run ended as {outcome.status['status']}: {why}")
    if report.get("enqueued") != found.enqueued:
        faults.append(f"the report says enqueued={report.get('enqueued')}, but the queue holds {found.enqueued}")
    return faults


def describe(outcome: Outcome) -> str:
    """Return the outcome in a few lines."""
    found = outcome.found
    lines = [
        *report(outcome.status),
        f"read back {found.enqueued:,} messages: {found.unique:,} unique, {found.lost:,} lost, "
        f"{found.duplicates:,} duplicates, {found.foreign:,} foreign",
    ]
    if held := [f"{name} {each[0]:,} MB (peak {each[1]:,} MB)" for name, each in outcome.megabytes.items() if each]:
        lines.append(f"memory: {', '.join(held)}")
    return "\n".join(lines)


def verdict(outcome: Outcome) -> str:
    """Return the last line of output."""
    if faults := reasons(outcome):
        return f"RUN FAILED {'; '.join(faults)}"
    found, rate = outcome.found, outcome.found.enqueued / max(outcome.seconds, 0.001)
    return (
        f"RUN OK ids={found.served} enqueued={found.enqueued} unique={found.unique} lost={found.lost} "
        f"duplicates={found.duplicates} seconds={outcome.seconds:.1f} per_second={rate:.0f}"
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.demo.run",
        description="Send ids from a demo API through the app into a storage queue, all on this machine, and check "
        "that each one arrived once. This command ignores your SLUICE_ settings (local.settings.json, environment).",
    )
    parser.add_argument("--chunk-size", type=int, help="ids in a chunk (default: the app's own)")
    parser.add_argument("--folder", type=Path, help="for logs and state (default: a new one under .sluice/stacks)")
    add_flags(parser)
    arguments = parser.parse_args()
    arguments.api = settings_from(parser, arguments)
    return arguments


def main() -> int:
    arguments, console = parse(), Console(stderr=True)
    stack = Stack(arguments.api, folder=arguments.folder)
    try:
        logs = os.path.relpath(stack.folder)
        console.print(f"starting Azurite, the demo API and devhost; logs in {logs}", highlight=False, soft_wrap=True)
        with stack, Display(console) as display:
            outcome = watch(stack, display, chunk_size=arguments.chunk_size)
        print(describe(outcome))
        last = verdict(outcome)
    except ChildError as error:
        what, *printed = str(error).splitlines()
        print(*printed, sep="\n", end="\n" if printed else "", file=sys.stderr)
        last = " ".join(["RUN FAILED", what, *(line.strip() for line in printed[-1:])])
    except (RunError, httpx.HTTPError, AzureError) as error:
        last = f"RUN FAILED {' '.join(str(error).split())}"
    print(last, flush=True)
    return 0 if last.startswith("RUN OK") else 1


if __name__ == "__main__":
    sys.exit(interruptible(main))
