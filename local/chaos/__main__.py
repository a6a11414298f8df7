"""`python -m local.chaos` (make chaos): play rounds and say in the last line whether an id was lost."""

import argparse
import os
import sys
import time

import httpx
from azure.core.exceptions import AzureError

from local.chaos.round import Outcome, rounds
from local.chaos.verdict import describe, problems, summary
from local.demo.ending import interruptible
from local.demo.run_client import RunError
from local.demo.stack import ROOT
from local.emulator import ChildError


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.chaos",
        description="Run the app while devhost is killed, storage is restarted, and source and storage fail, at "
        "moments drawn from a seed; after each run, compare the queue with the source.",
    )
    parser.add_argument("--rounds", type=int, default=20, help="number of rounds (default: %(default)s)")
    parser.add_argument("--seed", default="1", help="seed of moments and faults (default: %(default)s)")
    parser.add_argument("--first", type=int, default=1, help="number of the first round, to repeat a single round")
    parser.add_argument("--ids", type=int, default=2_000, help="ids in a round (default: %(default)s)")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    folder = ROOT / ".sluice" / "chaos" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    print(f"seed {arguments.seed}; logs and state in {folder}", flush=True)
    numbers = range(arguments.first, arguments.first + arguments.rounds)
    outcomes: list[Outcome] = []
    try:
        for outcome in rounds(arguments.seed, numbers, ids=arguments.ids, folder=folder):
            outcomes.append(outcome)
            print(describe(outcome), flush=True)
            if wrong := problems(outcome):
                again = f"again with: make chaos SEED={arguments.seed} FIRST={outcome.plan.number} ROUNDS=1"
                print(f"CHAOS FAILED round {outcome.plan.number}: {'; '.join(wrong)} ({again})", flush=True)
                return 1
    except (RunError, ChildError, httpx.HTTPError, AzureError) as error:
        print(f"CHAOS FAILED after {len(outcomes)} rounds: {' '.join(str(error).split())}", flush=True)
        return 1
    print(summary(outcomes), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(interruptible(main))
