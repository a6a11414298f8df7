"""`azd` and Core Tools upload only the app, and the app needs only its requirements.txt.

Both read `.funcignore` by the rules of `.gitignore`. That is their documentation; neither has been run here.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pathspec import GitIgnoreSpec

import function_app

ROOT = Path(__file__).parents[2]
APP = {"activities", "clients", "ingestion", "orchestrators", "page"}
FILES = {"function_app.py", "host.json", "requirements.txt", "sources.toml", "LICENSE"}
SECRET = ("local.settings.json", ".env", ".env.production", "key.pem", "cert.pfx", "id.key")
LEFT_BEHIND = ("venv/bin/python", "env/bin/python", ".vscode/settings.json", ".idea/x.xml", "a.log", "deploy.zip")
VERSIONS = ("3.11", "3.12", "3.13")


def uploaded(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that its `.funcignore` does not exclude."""
    ignored = GitIgnoreSpec.from_lines((folder / ".funcignore").read_text(encoding="utf-8").splitlines())
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if file.is_file() and not ignored.match_file(name.as_posix()):
            yield name


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip of a used folder, with secrets, environments and an editor's files."""
    folder = tmp_path_factory.mktemp("package")
    clone = folder / "clone"
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in [*names.split("\0")[:-1], *SECRET, *LEFT_BEHIND]:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file() and name not in SECRET:
            shutil.copyfile(ROOT / name, clone / name)
        else:
            (clone / name).write_text("secret")
    with zipfile.ZipFile(folder / "app.zip", "w", zipfile.ZIP_DEFLATED) as package:
        for file in uploaded(clone):
            package.write(clone / file, file.as_posix())
    return folder / "app.zip"


def test_the_package_holds_the_app_and_nothing_else(package: Path) -> None:
    names = zipfile.ZipFile(package).namelist()
    assert {name.partition("/")[0] for name in names if "/" in name} == APP
    assert {name for name in names if "/" not in name} == FILES
    assert not any(name.endswith((".md", ".pyc")) for name in names)
    assert sum(file.file_size for file in zipfile.ZipFile(package).infolist()) < 2_000_000


@pytest.mark.parametrize("name", [*SECRET, *LEFT_BEHIND])
def test_git_ignores_secrets_and_leftovers(name: str) -> None:
    assert subprocess.run(["git", "check-ignore", "--quiet", "--no-index", name], cwd=ROOT).returncode == 0


def interpreter(version: str) -> str | None:
    """Return a Python of this version, from PATH or pyenv."""
    found = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/python"))
    for candidate in (sys.executable, f"python{version}", *map(str, found)):
        asked = [candidate, "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
        try:
            if subprocess.run(asked, capture_output=True, text=True).stdout.strip() == version:
                return candidate
        except OSError:
            continue
    return None


@pytest.mark.parametrize("version", VERSIONS)
def test_its_own_requirements_are_all_that_the_package_needs(version: str, package: Path, tmp_path: Path) -> None:
    if (python := interpreter(version)) is None:
        pytest.skip(f"no Python {version} here: the package is imported on it by the workflow only")
    uv = Path(sys.executable).with_name("uv")
    zipfile.ZipFile(package).extractall(tmp_path / "app")
    alone = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def run(*command: str | Path) -> str:
        done = subprocess.run(command, cwd=tmp_path / "app", env=alone, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(uv, "venv", "--quiet", "--python", python, tmp_path / "venv")
    clean = tmp_path / "venv" / "bin" / "python"
    run(uv, "pip", "install", "--quiet", "--require-hashes", "--python", clean, "-r", "requirements.txt")
    index = "import function_app; print(*[it.get_function_name() for it in function_app.app.get_functions()])"
    assert set(run(clean, "-W", "error::ImportWarning", "-c", index).split()) == names_here()


def names_here() -> set[str]:
    """The functions that the app of this process has; `get_functions` would note them twice."""
    return {builder._function.get_function_name() for builder in function_app.app._function_builders}
