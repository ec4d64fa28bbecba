"""The mirror process of a chain on a remote engine: it keeps the mirror here until the chain ends.

`python -m inception.chain.remote.mirror_process hold|watch RUN_DIRECTORY`. It outlives the client that started it, also
one that was killed, and removes what that leaves here.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import docker
from requests.exceptions import RequestException

from inception.callbacks import ignore
from inception.chain.background import report_ready
from inception.chain.freezer import own_level_1
from inception.chain.level_engines import level_0_engine
from inception.chain.remote.mirror import Mirror
from inception.chain.remote.program import RemoteProgram
from inception.chain.remote.start import client_lock, mirror_lock
from inception.chain.remote.tunnel import Listener, tunnel
from inception.engine.translate import translated
from inception.errors import EngineError, InceptionError
from inception.linux import flock, lifeline
from inception.plan.chain import ChainPlan
from inception.plan.formats.mirroring import CaughtUp, Report, read_report
from inception.plan.protocol import Program

_REMOVAL_LIMIT_S = 5
"""Seconds for the engine to remove a level 1 whose processes have ended. One that it has not removed then lives."""


def main() -> None:
    """Keep the mirror of the chain whose run directory the second argument names."""
    what, directory = sys.argv[1:]
    try:
        plan = ChainPlan.from_json((Path(directory) / "plan.json").read_text())
        held = lifeline.hold(mirror_lock(plan))
        with level_0_engine(plan, ignore) as engine:
            unwound = keep(engine.client, plan, what)
            gone = _is_removed(engine.client, plan)
    except (InceptionError, OSError) as error:
        sys.exit(str(error))
    if gone and plan.attached:
        os.close(held)  # The client waits for that before it removes the directory.
        _remove_after_client(plan)
    elif gone and unwound:
        shutil.rmtree(directory, ignore_errors=True)


def _remove_after_client(plan: ChainPlan) -> None:
    """Remove the run directory of an attached chain if its client has ended without having done so."""
    lock = client_lock(plan)
    with suppress(FileNotFoundError), flock.held(lock, flock.Mode.SHARED) as descriptor:
        # Otherwise the client has removed it, and another chain may have that name.
        if os.path.samestat(os.fstat(descriptor), lock.stat()):
            shutil.rmtree(plan.run_directory, ignore_errors=True)


def keep(client: docker.APIClient, plan: ChainPlan, what: str) -> bool:
    """Keep the mirror until the chain ends or its engine is lost; return whether the chain unwound.

    With `what` "hold", hold the lifeline of level 1 as long as the client holds it here. Raises EngineError, OSError.
    """
    with translated(f"chain {plan.name}"):
        try:
            own_level_1(client, plan)
        except docker.errors.NotFound:
            report_ready()  # What was last seen of it stays.
            return False

    def open_socket(number: int) -> Listener:
        return Listener(Path(plan.paths.socket(number)), lambda it: _serve(client, plan, number, it))

    caught_up = False
    program = RemoteProgram(client, plan, Program.WATCH, what, plan.run_directory)
    mirror = Mirror(plan, open_socket)
    with closing(program), closing(mirror):
        for report in _reports(program, _released(plan) if what == "hold" else None):
            mirror.apply(report)
            if isinstance(report, CaughtUp):
                caught_up = True
                report_ready()
    if not caught_up:
        raise EngineError(f"cannot follow chain {plan.name} through its engine: {program.failure()}")
    return mirror.unwound


def _reports(program: RemoteProgram, released: socket.socket | None) -> Iterator[Report]:
    """Yield what the program reports, until it ends; end its input as soon as `released` is readable."""
    rest = b""
    others = () if released is None else (released.fileno(),)
    # A connection that breaks is the end as well: the engine is asked afterwards.
    with suppress(OSError, ValueError):
        while (data := program.receive()) != b"":
            if data is None:
                if program.wait(*others):
                    others = ()
                    program.connection.end()
                continue
            *lines, rest = (rest + data).split(b"\n")
            yield from map(read_report, lines)


def _released(plan: ChainPlan) -> socket.socket:
    """Return a socket that is readable once the client has released its lifeline, or has ended."""
    ours, theirs = socket.socketpair()
    lifeline.call_when_free(Path(plan.paths.lifeline(0)), theirs.close)
    return ours


def _serve(client: docker.APIClient, plan: ChainPlan, number: int, connection: socket.socket) -> None:
    try:
        program = RemoteProgram(client, plan, Program.RELAY, str(plan.paths.socket(number)))
    except (EngineError, OSError):
        connection.close()  # A socket has no other way to report it.
        return
    tunnel(connection, program)


def _is_removed(client: docker.APIClient, plan: ChainPlan) -> bool:
    """Return whether level 1 is no longer on the engine, or will not be in a moment."""
    try:
        if (container := own_level_1(client, plan)) is not None:
            client.wait(container, condition="removed", timeout=_REMOVAL_LIMIT_S)
    except docker.errors.NotFound:
        return True
    except (docker.errors.DockerException, RequestException, OSError):
        return False
    return True


if __name__ == "__main__":
    main()
