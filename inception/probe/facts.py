"""Read all facts that a plan is made from."""

from __future__ import annotations

import os
import subprocess
from contextlib import nullcontext

import docker

from inception.linux.capabilities import names_in
from inception.plan.facts import Facts
from inception.probe import pids
from inception.probe.engine import EngineAnswers, ask_engine, describe_engine
from inception.probe.host import MachineReading, NotAllowed, Subject, read_host
from inception.probe.image_store import parse_containerd
from inception.probe.run_reader import read_in_container


def read_facts(client: docker.APIClient, *, endpoint: str, local: bool, image_id: str, run_root: str) -> Facts:
    """Read the facts of the engine and its machine; nothing is changed and nothing left behind.

    A machine that is not this one is read in a container of the image `image_id`.
    `local`: the engine listens on this machine; the facts call it local only if it also sees the client's `run_root`.
    Raises docker.errors.APIError if the engine refuses an answer, EngineError if its machine cannot be read.
    """
    # It takes as long as the engine does to answer.
    with pids.nesting_pids() if local else nullcontext() as nesting:
        answers = ask_engine(client, endpoint=endpoint, local=local, run_root=run_root)
        reading = _read_machine(client, answers, image_id, nesting)
    return Facts(
        engine=describe_engine(answers, names_in(reading.bounding_set)),
        host=reading.host,
        run_root=run_root,
        run_root_source=answers.surroundings.run_root_source,
    )


def _read_machine(
    client: docker.APIClient, answers: EngineAnswers, image_id: str, nesting: subprocess.Popen[str] | None
) -> MachineReading:
    """Read the engine's machine through its process, or else from a container."""
    if (daemon := answers.surroundings.daemon) is not None:
        try:
            return read_host(subject_of(answers, daemon), nesting)
        except NotAllowed:
            pass
    owner_uid, owner_gid = os.getuid(), os.getgid()
    return read_in_container(client, answers.info, image_id, owner_uid=owner_uid, owner_gid=owner_gid).machine


def subject_of(answers: EngineAnswers, daemon: int) -> Subject:
    """Return what to read of the engine that gave `answers`, whose process id is `daemon`."""
    return Subject(
        daemon=daemon,
        data_root=answers.info["DockerRootDir"],
        storage_driver=answers.info["Driver"],
        owner_uid=os.getuid(),
        owner_gid=os.getgid(),
        containerd=parse_containerd(answers.info),
    )
