"""Make the run directory of a chain, with everything that its levels need."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from inception.chain.endpoint_proof import prove_endpoint
from inception.chain.plan_file import save_plan
from inception.chain.stopped.records import stopped_plan
from inception.errors import ChainError
from inception.image.byte_code import byte_code_of
from inception.linux import files, lifeline
from inception.payload import copy_payload
from inception.places import make_private
from inception.plan.chain import ChainPlan
from inception.plan.paths import LOGGED_PROGRAMS

_PRIVATE = 0o700


def make_run_directory(plan: ChainPlan) -> int:
    """Make the run directory of `plan` and return the client's lifeline: a descriptor that holds the lock.

    Raises ChainError if the name is taken or the directory cannot be made, InceptionError if the run root is unsafe.
    """
    directory = Path(plan.run_directory)
    if not plan.restored and stopped_plan(plan.name) is not None:
        raise ChainError(
            f"a chain named {plan.name} is stopped",
            remedy=f"choose another --name, or use it: inception start {plan.name}, or down {plan.name}",
        )
    make_private(directory.parent)
    try:
        directory.mkdir(mode=_PRIVATE)
    except FileExistsError as error:
        raise ChainError(
            f"a chain named {plan.name} already exists",
            remedy="choose another --name, or end it first",
            topic="name-taken",
        ) from error
    except OSError as error:
        raise _cannot_be_made(directory, error) from error
    try:
        Path(plan.paths.level(0)).mkdir(mode=_PRIVATE)
        for number in range(1, plan.depth + 1):
            make_level_directory(plan, number)
        held = lifeline.hold(Path(plan.paths.lifeline(0)))
        copy_payload(Path(plan.paths.payload), byte_code_of(plan.seed_of(1).engine_image_id))
        save_plan(plan)
        prove_endpoint(plan)
    except BaseException as error:
        shutil.rmtree(directory, ignore_errors=True)
        if isinstance(error, OSError):
            raise _cannot_be_made(directory, error) from error
        raise
    return held


def make_level_directory(plan: ChainPlan, number: int) -> None:
    """Make the directory of level `number`, with its locks and logs as empty files. Raises OSError.

    The level's programs run as root and open existing files: only root could read files that they made themselves.
    """
    place = Path(plan.paths.level(number))
    place.mkdir(mode=_PRIVATE, exist_ok=True)
    locks = (plan.paths.lifeline(number), plan.paths.alive(number))
    logs = (plan.paths.log(number, program) for program in LOGGED_PROGRAMS)
    # In a chain that grows, a level may have put a link in its place.
    directory = os.open(place, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for path in (*locks, *logs):
            os.close(files.open_regular(Path(path.name), os.O_WRONLY | os.O_CREAT, directory=directory))
    finally:
        os.close(directory)


def _cannot_be_made(directory: Path, error: OSError) -> ChainError:
    return ChainError(
        f"run directory {directory} cannot be made: {error.strerror}",
        remedy="make room or give rights there, or name another place with INCEPTION_RUN_ROOT",
    )
