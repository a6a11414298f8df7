"""After set-up `make run` works in a path with spaces, without a network, and with any proxy setting."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALLED = (".venv", "local/emulator/node_modules")
FIRST_MESSAGE_SECONDS = 20.0
LOADED = 3.0  # the other tests run at the same time
OFFLINE = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
NOWHERE = "http://127.0.0.1:9"
BROKEN = {
    **dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), NOWHERE),
    **dict.fromkeys(("PIP_INDEX_URL", "npm_config_registry", "UV_DEFAULT_INDEX"), NOWHERE),
    "NO_PROXY": "",
    "no_proxy": "",
}


def without_network() -> list[str]:
    """Return the prefix of a command that removes its network; an empty list if the system does not allow that."""
    try:
        allowed = subprocess.run([*OFFLINE, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:  # not Linux
        allowed = False
    return OFFLINE if allowed else []


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the project in another folder, with the packages that set-up installed here."""
    if any((ROOT / name).is_symlink() for name in INSTALLED):
        pytest.skip(
            "the packages here are links, and make would install its own: the workflow and any other clone check it"
        )
    current = ["make", "--question", *(f"{name}/.ready" for name in INSTALLED)]  # else the copy would install into them
    assert subprocess.run(current, cwd=ROOT).returncode == 0, "the packages here are out of date: run `make setup-dev`"
    folder = tmp_path / "a folder (mine)"
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)  # with its time, by which make sees that nothing is to be done
    for name in INSTALLED:
        (folder / name).symlink_to(ROOT / name)
    return folder


def test_it_sends_within_seconds_in_any_folder_without_a_network(clone: Path) -> None:
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = [*without_network(), "make", "run", "IDS=2000", "STALE="]  # the environment is that of another folder
    started, first = time.monotonic(), None
    with subprocess.Popen(
        command, cwd=clone, env=alone | BROKEN, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        assert run.stdout is not None
        printed = []
        for line in run.stdout:
            printed.append(line)
            if first is None and re.search(r"enqueued [1-9]", line):
                first = time.monotonic() - started
    assert printed[-1].startswith("RUN OK ids=2000 enqueued=2000 unique=2000 lost=0 duplicates=0"), "".join(printed)
    assert "installing" not in "".join(printed)
    assert first is not None
    assert first < FIRST_MESSAGE_SECONDS * LOADED, f"the first message was seen after {first:.1f} s"
