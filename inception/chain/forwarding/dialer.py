"""Get sockets of a level's network, from a program that runs in the level (`inception.level.programs.dial`)."""

from __future__ import annotations

import socket
from pathlib import Path

import docker

from inception.chain.level_engines import level_client
from inception.engine.translate import translated
from inception.errors import ChainError
from inception.level.engine.client import connect_level
from inception.linux.retry import retry
from inception.plan.chain import ChainPlan
from inception.plan.protocol import Program, SocketRequest

_START_LIMIT_S = 10.0
_POLL_S = 0.02
_ANSWER_LIMIT_S = 20.0
_MOST_SOCKETS = 2
_MOST_REASON = 1024
"""Bytes of the reason for a refusal."""


def start_dialer(plan: ChainPlan, level: int) -> None:
    """Start the program in `level` unless it runs there; return once it answers. Raises EngineError or OSError."""
    path = plan.paths.dial(level)
    if _answers(Path(path)):
        return
    with level_client(plan, plan.level(level).above) as client, translated(f"starting a program in level {level}"):
        execution = client.exec_create(
            plan.level(level).container,
            ["python3", "-m", Program.DIAL, str(path)],
            environment={"PYTHONPATH": str(plan.paths.payload)},
        )["Id"]
        client.exec_start(execution, detach=True)

    def check() -> None:
        if not _answers(Path(path)):
            raise TimeoutError(f"no program answers at {path}")

    retry(check, errors=TimeoutError, limit_s=_START_LIMIT_S, pause_s=_POLL_S)


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as dialer:
            dialer.connect(str(path))
    except OSError:
        return False
    return True


def get_sockets(plan: ChainPlan, level: int, request: SocketRequest) -> list[socket.socket]:
    """Return the sockets that `level` makes for `request`. Raises OSError, with the level's reason if it refuses."""
    with socket.socket(socket.AF_UNIX) as dialer:
        dialer.settimeout(_ANSWER_LIMIT_S)
        dialer.connect(str(plan.paths.dial(level)))
        dialer.sendall(request.to_line())
        answer, descriptors, _, _ = socket.recv_fds(dialer, _MOST_REASON, _MOST_SOCKETS)
    if not descriptors:
        raise ConnectionError(answer.decode(errors="replace") or f"level {level} gives no socket")
    return [socket.socket(fileno=it) for it in descriptors]


def find_container(plan: ChainPlan, level: int, container: str) -> str:
    """Return the address of a running container of `level`, as seen in the level. Raises ChainError, EngineError."""
    with translated(f"looking for {container} in level {level}"):
        client = connect_level(plan, level)
        try:
            found = client.inspect_container(container)
        except docker.errors.NotFound as error:
            raise ChainError(
                f"level {level} of chain {plan.name} has no container {container}",
                remedy=f"see: inception tree {plan.name}",
            ) from error
        finally:
            client.close()
    networks = found["NetworkSettings"]["Networks"] or {}
    if "host" in networks:
        return "127.0.0.1"
    address = next(filter(None, (it.get("IPAddress") for it in networks.values())), None)
    if address is None:
        raise ChainError(
            f"container {container} in level {level} has no address", remedy="start it, or give it a network"
        )
    return str(address)
