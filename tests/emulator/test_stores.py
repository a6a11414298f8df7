"""The queue store of the local stack gives the same answers as Azurite's own, in the same order, at every step."""

import subprocess
from pathlib import Path

from local.emulator.server import ENTRY
from local.node import node

COMPARE = Path(__file__).with_name("compare_stores.js")
SEED, STEPS = 11, 20_000


def test_the_store_answers_as_azurite_does_whatever_clients_do(tmp_path: Path) -> None:
    command = [str(node()), str(COMPARE), str(ENTRY), str(tmp_path), str(SEED), str(STEPS)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert ended.returncode == 0, f"seed {SEED}:\n{ended.stdout}{ended.stderr}"
