"""The Bicep of infra/ has no warning, and compiles to the JSON beside it.

Without the Bicep CLI these tests are skipped; those of the JSON itself are not.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.infra.deployed import INFRA, SUBSCRIPTION, bicep, read

CLI = bicep()
PARAMETERS = ("main", "dts")

pytestmark = pytest.mark.skipif(
    CLI is None,
    reason="no Bicep CLI here: that infra/*.bicep compile to infra/main.json is checked by the workflow only",
)


def run(*arguments: object) -> str:
    """Run Bicep without environment variables of a deployment; return its output, and fail on a warning."""
    environment = {name: os.environ[name] for name in ("HOME", "PATH", "XDG_CACHE_HOME") if name in os.environ}
    command = [str(CLI), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def copied(folder: Path) -> Path:
    """Return a copy of infra/, because Bicep writes a snapshot beside its parameters."""
    return Path(shutil.copytree(INFRA, folder / "infra"))


@pytest.mark.parametrize("name", PARAMETERS)
def test_template_and_parameters_have_no_warning(name: str) -> None:
    assert run("lint", "--no-restore", INFRA / f"{name}.bicepparam") == ""


def test_a_misspelt_property_is_a_warning(tmp_path: Path) -> None:
    infra = copied(tmp_path)
    module = infra / "modules/queue_storage.bicep"
    module.write_text(module.read_text().replace("allowSharedKeyAccess", "allowSharedKeysAccess"))
    with pytest.raises(AssertionError, match=r"BCP037|BCP089"):
        assert run("lint", "--no-restore", infra / "main.bicepparam") == ""


def test_files_have_the_layout_of_the_formatter(tmp_path: Path) -> None:
    infra = copied(tmp_path)
    for pattern in ("**/*.bicep", "*.bicepparam"):
        run("format", "--pattern", infra / pattern)
    files = list(infra.rglob("*.bicep*"))
    assert len(files) > 10
    changed = [path.name for path in files if path.read_text() != (INFRA / path.relative_to(infra)).read_text()]
    assert changed == [], f"format them: bicep format --pattern '{INFRA.name}/**/*.bicep'"


def test_compiled_template_is_the_committed_one() -> None:
    made = json.loads(run("build", "--no-restore", "--stdout", INFRA / "main.bicep"))
    assert _plain(made) == _plain(read("main.json")), "compile it again: bicep build infra/main.bicep"


@pytest.mark.parametrize("name", PARAMETERS)
def test_snapshot_is_the_committed_one(name: str, tmp_path: Path) -> None:
    place = ("--subscription-id", SUBSCRIPTION, "--location", "westeurope")
    infra = copied(tmp_path)
    run("snapshot", infra / f"{name}.bicepparam", *place)
    snapshot = f"{name}.snapshot.json"
    made = json.loads((infra / snapshot).read_text())  # the order of its outputs changes from run to run
    assert made == read(snapshot), f"make it again: bicep snapshot infra/{name}.bicepparam {' '.join(place)}"


def _plain(template: Any) -> Any:
    """Return a template without the name and version of its compiler."""
    if isinstance(template, list):
        return [_plain(part) for part in template]
    if isinstance(template, dict):
        return {key: _plain(part) for key, part in template.items() if key != "_generator"}
    return template
