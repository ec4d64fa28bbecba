"""Read all facts that `doctor` judges, of the engine and of its machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import docker

from inception.errors import EngineError
from inception.linux.capabilities import names_in
from inception.probe.doctor_facts import DoctorFacts
from inception.probe.engine import EngineAnswers, ask_engine, describe_engine
from inception.probe.facts import subject_of
from inception.probe.host import NotAllowed, Subject, read_host
from inception.probe.limits import read_limits
from inception.probe.reader import FullReading
from inception.probe.run_reader import read_in_container

_USUAL_DATA_ROOT = "/var/lib/docker"


def read_doctor_facts(
    client: docker.APIClient, *, endpoint: str, local: bool, image_id: str, run_root: str
) -> DoctorFacts:
    """Read the facts of the engine and its machine, as far as this user may. Raises docker.errors.APIError."""
    answers = ask_engine(client, endpoint=endpoint, local=local, run_root=run_root)
    try:
        reading = _read_all(client, answers, image_id)
    except EngineError as error:
        return DoctorFacts(
            engine=describe_engine(answers, answers.known),
            engine_error=None,
            host=None,
            limits=None,
            machine_error=str(error),
            now_s=time.time(),
        )
    return DoctorFacts(
        engine=describe_engine(answers, names_in(reading.machine.bounding_set)),
        engine_error=None,
        host=reading.machine.host,
        limits=reading.limits,
        machine_error=None,
        now_s=time.time(),
    )


def read_machine_facts(engine_error: str) -> DoctorFacts:
    """Read the facts of this machine where no engine answers; `engine_error` is the reason."""
    subject = Subject(
        daemon=os.getpid(),
        data_root=_existing(_USUAL_DATA_ROOT),
        storage_driver="",
        owner_uid=os.getuid(),
        owner_gid=os.getgid(),
    )
    try:
        reading, limits = read_host(subject), read_limits(subject.process, subject.root)
    except NotAllowed as error:
        return DoctorFacts(
            engine=None, engine_error=engine_error, host=None, limits=None, machine_error=str(error), now_s=time.time()
        )
    return DoctorFacts(
        engine=None, engine_error=engine_error, host=reading.host, limits=limits, machine_error=None, now_s=time.time()
    )


def _existing(directory: str) -> str:
    """Return the directory, or its nearest parent that exists."""
    path = Path(directory)
    return str(next(place for place in (path, *path.parents) if place.is_dir()))


def _read_all(client: docker.APIClient, answers: EngineAnswers, image_id: str) -> FullReading:
    # Only root can look into the engine's process for all of it.
    if (daemon := answers.surroundings.daemon) is not None and os.geteuid() == 0:
        subject = subject_of(answers, daemon)
        return FullReading(machine=read_host(subject), limits=read_limits(subject.process, subject.root))
    return read_in_container(client, answers.info, image_id, owner_uid=os.getuid(), owner_gid=os.getgid())
