"""Run a command that ends when its parent dies: for the kernel, the thread that started it.

`child.py` runs this file as a script: `tether.py PARENT_PID COMMAND ...`. It asks the Linux kernel for SIGKILL when the
parent dies, for any reason, and then replaces itself with the command; exec keeps the setting. It is not a
`preexec_fn`, because code between fork and exec is not safe in a parent with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def become(parent: int, command: list[str]) -> None:
    """Ask the kernel for the signal, then replace this process with the command."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before prctl
        sys.exit(1)
    os.execvpe(command[0], command, os.environ)


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
