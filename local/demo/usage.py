"""Memory (now and peak) and CPU time of processes, from /proc."""

import os
import re
from pathlib import Path


def megabytes_of(*pids: int | None) -> tuple[int, int] | None:
    """Return the memory of the processes in total, now and at the peak (MB); None if one of them cannot be read."""
    try:
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    except OSError:
        return None
    sizes = [re.findall(r"^Vm(?:HWM|RSS):\s+(\d+) kB$", text, re.MULTILINE) for text in texts]
    if not sizes or any(len(each) != 2 for each in sizes):  # a process that has just ended
        return None
    peak, now = (sum(int(size) // 1024 for size in each) for each in zip(*sizes, strict=True))
    return now, peak


def cpu_seconds_of(*pids: int | None) -> float:
    """Return the user and system time of processes and of their ended children, in seconds; Linux only."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(field) for each in fields for field in each[11:15]) / os.sysconf("SC_CLK_TCK")
