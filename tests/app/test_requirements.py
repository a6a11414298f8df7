"""requirements.txt has exactly the packages that pyproject.toml requires."""

import re
import tomllib
from importlib.metadata import requires
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize(("file", "extras"), [("requirements.txt", ()), ("requirements-dev.txt", ("dev", "terminal"))])
def test_the_pins_are_exactly_what_the_project_needs(file: str, extras: tuple[str, ...]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] + [line for extra in extras for line in project["optional-dependencies"][extra]]
    asked = [one for one in map(Requirement, lines) if applies(one, set())]
    pinned = pins_here(file)

    for one in asked:
        (pin,) = pinned[canonicalize_name(one.name)].specifier
        assert one.specifier.contains(pin.version), f"{file} pins {pin}, pyproject.toml asks for {one}: run make lock"
    assert set(pinned) == closure(asked), "run make lock"


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_pin_has_the_hashes_of_its_files(file: str) -> None:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    followed = {line: after for line, after in pairwise(lines) if line and line[0] not in " #"}
    assert followed
    assert all(after.startswith("    --hash=sha256:") for after in followed.values()), "run make lock"


def test_every_action_of_the_workflows_is_named_by_its_commit() -> None:
    workflows = "".join(file.read_text(encoding="utf-8") for file in (ROOT / ".github/workflows").glob("*.yml"))
    used = re.findall(r"uses: (\S+)", workflows)
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used)
