"""The queue store of the local stack gives the same answers as Azurite's own, in the same order, at every step."""

import json
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


def test_a_clean_up_of_blobs_deletes_what_it_is_told_to_and_lets_requests_through() -> None:
    """Azurite's own `deleteExtent` searches all data and gives no request a turn: a clean-up stopped it for minutes."""
    command = [str(node()), str(Path(__file__).parent / "delete_extents.js"), str(ENTRY), "1000"]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert said == {"deleted": 999, "left": ["extent-0"], "answered": True}
