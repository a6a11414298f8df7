"""Importing the app's script as the Python worker does.

On the way: first step of loading. The app folder enters; the one FunctionApp object of its script
leaves. Because devhost shares its process with the app, a second load first forgets the modules that
the load before it brought in: a restarted worker process would have none of them either.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType

from azure.functions import FunctionRegister

from devhost.errors import AppLoadError

DEFAULT_SCRIPT = "function_app.py"

_brought_in: set[str] = set()


def import_app(app_root: Path) -> FunctionRegister:
    """Import the script below app_root and return its app object; AppLoadError says what stands in the way."""
    script = os.environ.get("PYTHON_SCRIPT_FILE_NAME") or DEFAULT_SCRIPT
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*\.py", script):
        raise AppLoadError(f"PYTHON_SCRIPT_FILE_NAME {script!r} is not the name of a Python file in the app's folder")
    if not (app_root / script).is_file():
        raise AppLoadError(f"no {script} in {app_root}: that is where the app's FunctionApp object is looked for")
    return _find_app(_import_fresh(app_root, script.removesuffix(".py")), script)


def _import_fresh(app_root: Path, stem: str) -> ModuleType:
    for name in _brought_in | {stem}:
        sys.modules.pop(name, None)
    _brought_in.clear()
    if str(app_root) in sys.path:
        sys.path.remove(str(app_root))
    sys.path.insert(0, str(app_root))
    importlib.invalidate_caches()
    before = set(sys.modules)
    try:
        return importlib.import_module(stem)
    except (Exception, SystemExit) as error:
        raise AppLoadError(_import_failure(error, app_root, stem)) from error
    finally:
        new = {name: sys.modules[name] for name in set(sys.modules) - before}
        _brought_in.update(name for name, module in new.items() if _belongs_to_app(module, app_root))


def _belongs_to_app(module: ModuleType, app_root: Path) -> bool:
    # A virtual environment may lie in the app's folder; its packages stay loaded.
    origin = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), None)
    if not isinstance(origin, str):
        return False
    path = Path(origin).absolute()
    own = Path(__file__).absolute().parent
    return path.is_relative_to(app_root) and "site-packages" not in path.parts and not path.is_relative_to(own)


def _import_failure(error: BaseException, app_root: Path, stem: str) -> str:
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    text = str(error)
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno))
        text = error.msg
    own = [f"{Path(file).relative_to(app_root)}:{line}" for file, line in places if Path(file).is_relative_to(app_root)]
    place = f" at {own[-1]}" if own else ""
    return f"importing {stem}.py failed{place}: {type(error).__name__}: {text}"


def _find_app(module: ModuleType, script: str) -> FunctionRegister:
    apps = {id(value): (name, value) for name, value in vars(module).items() if isinstance(value, FunctionRegister)}
    if not apps:
        raise AppLoadError(f"{script} defines no FunctionApp (or DFApp) object at module level")
    if len(apps) > 1:
        names = ", ".join(sorted(name for name, _ in apps.values()))
        raise AppLoadError(f"{script} defines more than one FunctionApp object ({names}); the worker takes exactly one")
    return next(value for _, value in apps.values())
