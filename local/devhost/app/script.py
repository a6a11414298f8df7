"""Import the app's script as the Python worker does, and find its FunctionApp object.

Several loads may share a process, so each load first removes the modules of the previous load.
"""

import importlib
import os
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType

from azure.functions import FunctionRegister

from local.devhost.app.logs import unheard
from local.devhost.errors import AppLoadError

_OWN_FOLDER = Path(__file__).absolute().parents[1]
_brought_in: set[str] = set()


def import_app(app_root: Path) -> FunctionRegister:
    """Import the script and return its app object. Raise AppLoadError if that fails."""
    script = os.environ.get("PYTHON_SCRIPT_FILE_NAME") or "function_app.py"
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*\.py", script):
        raise AppLoadError(f"PYTHON_SCRIPT_FILE_NAME {script!r} is not the name of a Python file in the app's folder")
    if not (app_root / script).is_file():
        raise AppLoadError(f"no {script} in {app_root}, where devhost looks for the FunctionApp object (--app)")
    names = vars(_import_fresh(app_root, script.removesuffix(".py")))
    apps = {id(value): (name, value) for name, value in names.items() if isinstance(value, FunctionRegister)}
    if not apps:
        raise AppLoadError(f"{script} defines no FunctionApp (or DFApp) object at module level")
    if len(apps) > 1:
        found = ", ".join(sorted(name for name, _ in apps.values()))
        raise AppLoadError(f"{script} defines more than one FunctionApp object ({found}); the worker takes exactly one")
    return next(app for _, app in apps.values())


def _import_fresh(app_root: Path, stem: str) -> ModuleType:
    for name in _brought_in | {stem}:
        sys.modules.pop(name, None)
        package, _, module = name.rpartition(".")
        if package in sys.modules:  # a package that was loaded before keeps its submodules as attributes
            vars(sys.modules[package]).pop(module, None)
    _brought_in.clear()
    if str(app_root) in sys.path:
        sys.path.remove(str(app_root))
    sys.path.insert(0, str(app_root))
    importlib.invalidate_caches()
    before = set(sys.modules)
    try:
        with unheard():
            return importlib.import_module(stem)
    except (Exception, SystemExit) as error:
        exits = isinstance(error, SystemExit)
        raise AppLoadError(_describe(error, app_root, stem), "does not come up" if exits else "") from error
    finally:
        new = sys.modules.keys() - before
        _brought_in.update(name for name in new if _belongs_to_app(sys.modules[name], app_root))


def _belongs_to_app(module: ModuleType, app_root: Path) -> bool:
    # Packages of a virtual environment in the app's folder stay loaded.
    origin = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), None)
    if not isinstance(origin, str):
        return False
    path = Path(origin).absolute()
    return path.is_relative_to(app_root) and "site-packages" not in path.parts and not path.is_relative_to(_OWN_FOLDER)


def _describe(error: BaseException, app_root: Path, stem: str) -> str:
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    text = str(error)
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno))
        text = error.msg
    own = [f"{Path(file).relative_to(app_root)}:{line}" for file, line in places if Path(file).is_relative_to(app_root)]
    place = f" at {own[-1]}" if own else ""
    return f"importing {stem}.py failed{place}: {type(error).__name__}: {text}"
