"""The Makefile installs what is missing, says what failed, and repairs an interrupted installation."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = "lib/python3.11/site-packages"


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder, without the environment variables of the make that runs these tests."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=folder, env=alone, capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clone with spaces and a quote in its path, and a virtual environment."""
    clone = tmp_path / "it's a clone"
    packages = clone / ".venv" / PACKAGES
    packages.mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements-local.txt", "requirements-dev.txt"):
        shutil.copyfile(ROOT / name, clone / name)
    (clone / ".venv" / "bin").mkdir()
    (clone / ".venv" / "bin" / "python").symlink_to("/bin/true")
    (clone / ".venv" / ".folder").write_text(f"{clone.resolve()}\n")
    return clone


def test_a_package_whose_installation_was_interrupted_is_installed_again(folder: Path) -> None:
    for name, file in (("whole", "INSTALLER"), ("half", "METADATA")):
        info = folder / ".venv" / PACKAGES / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / file).touch()
    done = make(folder, ".venv/.ready")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (folder / ".venv" / PACKAGES).iterdir()] == ["whole-1.0.dist-info"]


def test_an_environment_stays_as_long_as_its_folder_does(folder: Path) -> None:
    assert "rm -rf .venv" not in make(folder, "-n", "setup").stdout.splitlines()
    moved = folder.rename(folder.with_name("another folder"))
    assert "rm -rf .venv" in make(moved, "-n", "setup").stdout.splitlines()


def test_an_environment_whose_python_is_gone_is_made_again(folder: Path) -> None:
    python = folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3.11")
    assert "rm -rf .venv" in make(folder, "-n", "setup").stdout.splitlines()


def test_a_failed_step_says_what_it_needs_and_the_next_call_repeats_it(folder: Path) -> None:
    failed = make(folder, "PIP=false", ".venv/.ready")
    assert failed.returncode == 2
    assert "Set-up could not install the Python packages" in failed.stderr
    assert "Python package index" in failed.stderr
    assert make(folder, ".venv/.ready").stdout.startswith("installing the Python packages")


def test_without_a_suitable_python_the_error_names_the_suitable_ones(folder: Path) -> None:
    shutil.rmtree(folder / ".venv")
    done = make(folder, "setup", "PYTHON=/nowhere/a python")
    assert done.returncode == 2
    assert "Sluice needs Python 3.11, 3.12 or 3.13; /nowhere/a python is:" in done.stderr


def test_the_help_names_every_target(folder: Path) -> None:
    shown = make(folder).stdout
    targets = set(make(folder, "-pn", "help").stdout.partition(".PHONY:")[2].splitlines()[0].split())
    assert {"run", "serve", "test"} < targets
    assert targets - {"stale"} == set(re.findall(r"^  ([a-z-]+) +\w", shown, re.MULTILINE)) - {"every"}
