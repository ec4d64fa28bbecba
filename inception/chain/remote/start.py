"""Give a chain on a remote engine its files, and start the mirror process that keeps those here in step with them."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from inception.chain.background import start_background
from inception.errors import EngineError
from inception.linux import flock, lifeline
from inception.plan.chain import ChainPlan

if TYPE_CHECKING:
    import docker

_END_LIMIT_S = 10.0
"""Seconds for a mirror process to end after its chain."""
_POLL_S = 0.02


def fill(client: docker.APIClient, plan: ChainPlan) -> None:
    """Copy the run directory into level 1, which is created but does not run. Raises DockerException."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        directory = plan.run_directory
        archive.add(directory, arcname=directory.lstrip("/"), filter=_without(plan.paths.events))
    client.put_archive(plan.level(1).container, "/", buffer.getvalue())


def start_mirror(plan: ChainPlan) -> None:
    """Start the mirror process of a chain that has just been started; return once the two directories are in step.

    While the client of an attached chain holds its lifeline here, that process holds it in level 1. Raises EngineError.
    """
    _start(plan, "hold" if plan.attached else "watch")


def ensure_mirror(plan: ChainPlan) -> None:
    """Start a mirror process if the one of a detached chain was killed, or has lost the engine. Raises EngineError."""
    # A client that starts the chain also starts this; an attached chain ends with its mirror process; where level 1 is
    # paused nothing can be started.
    if not plan.remote or plan.attached or Path(plan.paths.paused).exists():
        return
    if lifeline.is_held(Path(plan.paths.lifeline(0))):
        return
    # It brings the Docker SDK, which takes longer than all the rest of `inception ls`.
    from inception.chain.endpoint_proof import check_endpoint

    check_endpoint(plan)
    with flock.held(Path(plan.paths.level(0)) / "mirror.lock"):
        if not lifeline.is_held(mirror_lock(plan)):
            _start(plan, "watch")


def await_mirror_end(plan: ChainPlan) -> None:
    """Wait until the mirror process of a chain that has ended is gone, so that nothing is written here any more."""
    deadline_s = time.monotonic() + _END_LIMIT_S
    while lifeline.is_held(mirror_lock(plan)) and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)


def mirror_lock(plan: ChainPlan) -> Path:
    """Return the lock file that the mirror process holds."""
    return Path(plan.paths.level(0)) / "mirror"


def client_lock(plan: ChainPlan) -> Path:
    """Return the lock file that the client of an attached chain holds until it has removed the run directory."""
    return Path(plan.paths.level(0)) / "client"


def _start(plan: ChainPlan, what: str) -> None:
    failure = start_background("inception.chain.remote.mirror_process", what, plan.run_directory)
    if failure is not None:
        raise EngineError(failure or f"the mirror process of chain {plan.name} ended before it began")


def _without(events: PurePosixPath) -> Callable[[tarfile.TarInfo], tarfile.TarInfo | None]:
    """Return a filter for a tar file that leaves out `events`, and has root own the rest.

    The levels begin an event file of their own, whose events are copied to ours.
    """

    def keep(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if f"/{member.name}" == str(events):
            return None
        return member.replace(uid=0, gid=0, uname="", gname="", deep=False)

    return keep
