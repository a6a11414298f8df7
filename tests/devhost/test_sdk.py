"""The versions of the Durable SDK with which devhost works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.devhost.errors import DevhostError
from local.devhost.sdk import check_sdk
from tests.devhost.app_folder import SAMPLE


def test_an_sdk_of_line_2_is_refused_in_one_line_that_says_why() -> None:
    with pytest.raises(DevhostError) as caught:
        check_sdk("2.0.0b1")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("azure-functions-durable 2.0.0b1 is installed, but devhost")
    assert str(caught.value).endswith("install 'azure-functions-durable<2'")


@pytest.mark.parametrize("installed", ["1.7.0", "1.10", ""])
def test_line_1_and_what_is_installed_here_are_taken(installed: str) -> None:
    check_sdk(installed)


def test_devhost_ends_with_that_line_before_it_imports_what_another_line_need_not_have(tmp_path: Path) -> None:
    metadata = tmp_path / "azure_functions_durable-2.0.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: azure-functions-durable\nVersion: 2.0.0\n")
    package = tmp_path / "azure" / "durable_functions"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('line 2')")
    process = subprocess.run(
        [sys.executable, "-m", "local.devhost", "--app", SAMPLE],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (process.returncode, process.stdout, process.stderr.count("\n")) == (1, "", 1)
    assert process.stderr.startswith("devhost: azure-functions-durable 2.0.0 is installed, but devhost")
