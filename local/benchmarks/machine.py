"""On what something was measured: processor, cores, memory, system, interpreter, and the packages that matter."""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("aiohttp", "azure-functions-durable", "azure-storage-blob", "azure-storage-queue", "httpx")


def machine() -> dict[str, str]:
    """The facts, in the order in which they are printed and written above the rows of a CSV file."""
    memory = re.search(r"MemTotal:\s+(\d+) kB", _read("/proc/meminfo"))
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory_gb": str(round(int(memory[1]) / 1024**2)) if memory else "unknown",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def _processor() -> str:
    named = re.search(r"model name\s*:\s*(.+)", _read("/proc/cpuinfo"))
    return named[1].strip() if named else platform.processor() or "unknown"


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
