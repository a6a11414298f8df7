"""How much memory processes hold, from /proc, where there is one.

Enters: process ids. Leaves: megabytes, now and at the peak; None on systems without /proc.
"""

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
    """Give what the processes hold together; None unless each of them can be seen."""
    each = [_memory_of(pid) for pid in pids]
    seen = [memory for memory in each if memory]
    if not seen or len(seen) < len(each):
        return None
    return Memory(
        now_megabytes=sum(memory.now_megabytes for memory in seen),
        peak_megabytes=sum(memory.peak_megabytes for memory in seen),
    )


def _memory_of(pid: int | None) -> Memory | None:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    kilobytes = {name: int(value) for name, value in re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", text, re.MULTILINE)}
    if len(kilobytes) < 2:  # a process that has just ended
        return None
    return Memory(now_megabytes=kilobytes["VmRSS"] // 1024, peak_megabytes=kilobytes["VmHWM"] // 1024)
