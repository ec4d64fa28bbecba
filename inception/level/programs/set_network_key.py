"""`python3 set_network_key.py DOCKERD libnetwork-setkey -exec-root=PATH CONTAINER CONTROLLER`: send a namespace.

runc runs it as a container starts, in place of dockerd as `libnetwork-setkey`, which initialises all of dockerd to send
one line: the container's network namespace, to the socket of the engine's network controller. The standard input is
the container's state (OCI runtime-spec, "State"). Path, message and reply are those of moby's
libnetwork/sandbox_externalkey_unix.go, the same from Docker 20.10 to 28; whatever differs is left to DOCKERD.
"""

from __future__ import annotations

# `socket`, `json` and `typing` would double the time that this program takes.
import _socket
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_NAME = "libnetwork-setkey"
_OPTION = "-exec-root="
_SUCCESS = b"success"
_REPLY_SIZE = 1024


def main(arguments: list[str]) -> int:
    """Send the namespace and return the status; become DOCKERD if that cannot be done."""
    dockerd, *usual = arguments
    state = sys.stdin.buffer.read()
    try:
        reply = _ask(*_request(usual, state))
    except (ValueError, OSError):
        _become(dockerd, usual, state)
    if reply != _SUCCESS:
        sys.stderr.buffer.write(reply + b"\n")
    return int(reply != _SUCCESS)


def _request(arguments: list[str], state: bytes) -> tuple[str, bytes]:
    """Return the controller's socket and the message for it. Raises ValueError for what is not known."""
    name, option, container, controller = arguments
    pid = state.partition(b'"pid":')[2].partition(b",")[0]
    if name != _NAME or not option.startswith(_OPTION) or not (container.isalnum() and pid.isdigit()):
        raise ValueError(arguments)
    message = b'{"ContainerID":"%s","Key":"/proc/%s/ns/net"}\n' % (container.encode(), pid)
    return f"{option.removeprefix(_OPTION)}/libnetwork/{controller}.sock", message


def _ask(address: str, message: bytes) -> bytes:
    controller = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    controller.connect(address)
    controller.send(message)
    if not (reply := controller.recv(_REPLY_SIZE)):
        raise OSError("no reply")
    return reply


def _become(dockerd: str, arguments: list[str], state: bytes) -> NoReturn:
    file = os.memfd_create("state")
    os.write(file, state)
    os.lseek(file, 0, os.SEEK_SET)
    os.dup2(file, sys.stdin.fileno())
    os.execv(dockerd, arguments)  # noqa: S606 no shell is wanted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
