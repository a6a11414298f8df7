"""Becomes the given command, tied to the life of the process that started it.

Run as a script by `child.py`, never imported: `tether.py PARENT_PID COMMAND ...`. On Linux the kernel is asked to kill
this process when its parent dies, however it dies; the wish survives the exec. A wrapper rather than a
`preexec_fn`, because code between fork and exec is not safe in a parent that has threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def become(parent: int, command: list[str]) -> None:
    """Ask for the signal, then replace this process by the command."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        sys.exit(1)
    os.execvpe(command[0], command, os.environ)


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
