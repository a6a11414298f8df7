"""What processes use, from /proc: memory, now and at the peak, and CPU."""

import os
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    now_megabytes: int
    peak_megabytes: int

    def __str__(self) -> str:
        return f"{self.now_megabytes:,} MB (peak {self.peak_megabytes:,} MB)"


def memory_of(*pids: int | None) -> Memory | None:
    """Return what the processes hold together; None unless each of them can be seen."""
    try:
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    except OSError:
        return None
    sizes = [re.findall(r"^Vm(?:HWM|RSS):\s+(\d+) kB$", text, re.MULTILINE) for text in texts]  # in this order
    if not sizes or any(len(each) != 2 for each in sizes):  # a process that has just ended
        return None
    peak, now = (sum(int(size) // 1024 for size in each) for each in zip(*sizes, strict=True))
    return Memory(now_megabytes=now, peak_megabytes=peak)


def cpu_seconds_of(*pids: int | None) -> float:
    """Return the user and system time of processes and of their children that have ended; Linux only."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(field) for each in fields for field in each[11:15]) / os.sysconf("SC_CLK_TCK")
