"""Becomes another program that ends when the process that started it ends.

Run as a script, never imported: ``python -I -S tether.py PARENT_PID SIGNAL UID GID PROGRAM [ARGUMENT...]``.

A script of its own instead of a ``preexec_fn``: that one runs Python between fork and exec, which can deadlock in a
process with threads. The order matters: the kernel forgets the parting signal when the user changes, so privileges go
first. UID and GID are ``-`` where the user stays.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, parting_signal, uid, gid, *command = sys.argv[1:]
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(parting_signal), 0, 0, 0) != 0:
        sys.exit(f"prctl failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):  # it ended before the kernel knew that we follow it
        sys.exit("the program that started this one is gone")
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell wanted
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
