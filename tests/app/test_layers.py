"""Each folder imports only the folders that it may use."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APP = ("function_app.py", "activities", "clients", "ingestion", "orchestrators")


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return names


def files(*places: str) -> list[Path]:
    found = [
        path for place in places for path in ([ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py"))
    ]
    assert found, "the folders are where this test thinks they are"
    return found


def touching(paths: list[Path], *packages: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in sorted(imports(path))
        if any(name == package or name.startswith(package + ".") for package in packages)
    ]


def test_the_domain_knows_neither_functions_nor_durable() -> None:
    above = ("azure.functions", "azure.durable_functions", "activities", "clients", "orchestrators", "function_app")
    assert touching(files("ingestion"), *above) == []


def test_the_app_never_imports_what_is_not_deployed() -> None:
    assert touching(files(*APP), "local", "terminal", "tests") == []
    assert touching(files(*APP), "click", "rich") == [], "the packages of the terminal are an extra"


def test_the_terminal_knows_the_app_by_its_http_api_alone() -> None:
    app = ("activities", "azure", "clients", "function_app", "local", "orchestrators", "tests")
    assert touching(files("terminal"), *app) == []
    alone = ("unknown_api.py", "capacity.py")  # `plan --url` and `capacity` work on the user's own machine
    assert touching([path for path in files("terminal") if path.name not in alone], "ingestion") == []


def test_a_command_of_the_terminal_loads_nothing_of_the_app() -> None:
    program = "import sys, terminal.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert [name for name in loaded.split() if name.partition(".")[0] in ("azure", "ingestion", "local")] == []


def test_devhost_knows_no_app() -> None:
    app = ("activities", "clients", "ingestion", "orchestrators", "function_app")
    assert touching(files("local/devhost"), *app, "local.demo") == []


def test_a_room_of_devhost_imports_only_those_before_it() -> None:
    rooms = [f"local.devhost.{room}" for room in ("app", "orchestration", "worker", "hub", "timer", "http")]
    for number, room in enumerate(rooms, 1):
        assert touching(files(room.replace(".", "/")), *rooms[number:]) == []


def test_the_demo_api_shares_no_code_with_the_source_that_reads_it() -> None:
    assert touching(files("local/demo"), "ingestion", "activities", "clients", "orchestrators") == []


@pytest.mark.parametrize("path", files("orchestrators"), ids=lambda path: path.name)
def test_an_orchestrator_has_no_clock_storage_environment_or_log(path: Path) -> None:
    allowed = (
        "activities.",
        "azure.durable_functions",
        "collections.abc",
        "datetime",
        "ingestion.chunking",
        "ingestion.contracts",
        "ingestion.errors",
        "ingestion.run.run_report",
        "ingestion.run.run_state",
        "ingestion.wire",
        "orchestrators.",
        "typing",
    )
    names = imports(path) - {"ingestion", "ingestion.run"}
    assert [name for name in names if not name.startswith(allowed)] == []
    source = path.read_text(encoding="utf-8")
    assert not any(word in source for word in ("datetime.now", "utcnow", "uuid4", "random", "environ", "open("))


UP = (  # each part of the domain may import those before it, and itself
    "errors", "hold", "concealed", "chunking", "clock", "moment", "latest", "schedule", "wire", "recovery",
    "source_wait", "reads", "contracts", "telemetry", "deadline", "validation", "storage", "settings", "source",
    "fetching", "sending", "run", "transactions", "capacity", "open_storage", "plan",
)  # fmt: skip


@pytest.mark.parametrize("part", UP)
def test_no_import_of_the_domain_runs_back_up(part: str) -> None:
    place = ROOT / "ingestion" / part
    paths = files(f"ingestion/{part}") if place.is_dir() else files(f"ingestion/{part}.py")
    above = UP[UP.index(part) + 1 :]
    assert touching(paths, *(f"ingestion.{name}" for name in above)) == []


def test_every_part_of_the_domain_has_its_place() -> None:
    parts = {path.stem for path in (ROOT / "ingestion").iterdir() if not path.name.startswith("__")}
    assert parts == {*UP}
