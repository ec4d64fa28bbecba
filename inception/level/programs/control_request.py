"""`descend` and `kick` inside a level: each sends a request to the client that holds the session, and awaits its reply.

Little is imported: a shell waits for this program to start.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import NoReturn

from inception.plan.protocol import Action, ControlReply, ControlRequest, Variable

_NOBODY = "no client holds this session: use `inception shell`, or `inception {host}` on the host"
_ON_HOST = {Action.DESCEND: "grow", Action.KICK: "kick"}
_EXIT_FAILED = 125
_EXIT_USAGE = 2


def main() -> None:
    """Send the request that the first argument names: `kick`, or `descend` with a number of levels as second."""
    action, arguments = Action(sys.argv[1]), sys.argv[2:]
    takes_number = action is Action.DESCEND
    if len(arguments) > int(takes_number) or not all(it.isdecimal() and int(it) > 0 for it in arguments):
        _leave(f"usage: {action}{' [N]' if takes_number else ''}", _EXIT_USAGE)
    request = ControlRequest(
        action=action, level=int(os.environ[Variable.LEVEL]), by=int(arguments[0]) if arguments else 1
    )
    try:
        answer = _send(os.environ[Variable.CLIENT], request)
    except (KeyError, OSError):
        _leave(f"{action}: {_NOBODY.format(host=_ON_HOST[action])}", _EXIT_FAILED)
    if not answer:
        _leave(f"{action}: the client is gone", _EXIT_FAILED)
    reply = ControlReply.from_line(answer)
    if reply.error is not None:
        _leave(f"{action}: {reply.error}", _EXIT_FAILED)
    sys.exit(reply.status)


def _send(path: str, request: ControlRequest) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(request.to_line())
        with client.makefile("rb") as answer:
            return answer.readline()


def _leave(message: str, status: int) -> NoReturn:
    sys.stderr.write(f"{message}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
