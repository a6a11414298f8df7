"""What processes use, from /proc: memory, now and at the peak, and CPU."""

import os
import re
from pathlib import Path


def megabytes_of(*pids: int | None) -> tuple[int, int] | None:
    """Return what the processes hold together, now and at the peak; None unless each of them can be seen."""
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
    """Return the user and system time of processes and of their children that have ended; Linux only."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(field) for each in fields for field in each[11:15]) / os.sysconf("SC_CLK_TCK")
