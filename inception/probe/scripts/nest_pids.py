"""Nest PID namespaces until the kernel refuses one; print their number and the error number.

Run as a program: each namespace needs a process of its own, and `fork` does not mix with a caller's threads.
Every process waits for its child, so nothing is left when this ends.
"""

from __future__ import annotations

import ctypes
import os

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_MORE_THAN_ANY_KERNEL = 1024


def _nest(report: int) -> int:
    """Nest namespaces until one is refused; write a byte to `report` for each. Return the error number."""
    libc = ctypes.CDLL(None, use_errno=True)
    # A user namespace gives an ordinary user the right to make PID namespaces; where that is denied too, the first
    # `unshare` below says so.
    if os.geteuid() != 0:
        libc.unshare(_CLONE_NEWUSER)
    for _ in range(_MORE_THAN_ANY_KERNEL):
        if libc.unshare(_CLONE_NEWPID) != 0:
            return ctypes.get_errno()
        # `unshare` only sets the namespace of children to come: the next one can be made only from inside it.
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            os._exit(0)
        os.write(report, b".")
    return 0


def main() -> None:
    """Print `<number of namespaces> <errno>`."""
    reader, report = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            error = _nest(report)
        except OSError as fork_failed:
            error = fork_failed.errno or 0
        os.write(report, str(error).encode())
        os._exit(0)
    os.close(report)
    with os.fdopen(reader, "rb") as pipe:
        written = pipe.read()
    os.waitpid(child, 0)
    depth = written.count(b".")
    print(depth, int(written[depth:]))  # noqa: T201 (this is how a program answers)


if __name__ == "__main__":
    main()
