"""`descend` and `kick` inside a level: they ask the client that holds the terminal to do it, and wait for its answer.

Standard library only, and little of it: a shell waits for this program to start.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

_NOBODY = "nobody holds a session here that could do it: use `inception shell`, or `inception {host}` on the host"
_ON_HOST = {"descend": "grow", "kick": "kick"}
_FAR = "nobody listens here: who started this chain is on another machine, and can only end it there"
_EXIT_FAILED = 125
_EXIT_USAGE = 2


def main() -> None:
    """Ask for what the first argument says: `descend`, by as many levels as the second one says (1), or `kick`."""
    what, *arguments = sys.argv[1:]
    if len(arguments) > int(what == "descend") or not all(it.isdecimal() and int(it) > 0 for it in arguments):
        _leave(f"usage: {what}{' [N]' if what == 'descend' else ''}", _EXIT_USAGE)
    request = {"ask": what, "level": int(os.environ["INCEPTION_LEVEL"]), "by": int(arguments[0]) if arguments else 1}
    try:
        answer = _ask(os.environ["INCEPTION_CLIENT"], request)
    except (KeyError, OSError):
        _leave(f"{what}: {_FAR if _is_far() else _NOBODY.format(host=_ON_HOST[what])}", _EXIT_FAILED)
    if not answer:
        _leave(f"{what}: the client is gone", _EXIT_FAILED)
    fields = json.loads(answer)
    if "error" in fields:
        _leave(f"{what}: {fields['error']}", _EXIT_FAILED)
    sys.exit(fields["status"])


def _ask(path: str, request: dict[str, object]) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(json.dumps(request).encode() + b"\n")
        with client.makefile("rb") as answer:
            return answer.readline()


def _is_far() -> bool:
    """Whether the client is on another machine than this level."""
    try:
        return bool(json.loads(Path(os.environ["INCEPTION_PLAN"]).read_text())["remote"])
    except (KeyError, OSError, ValueError):
        return False


def _leave(message: str, status: int) -> NoReturn:
    sys.stderr.write(f"{message}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
