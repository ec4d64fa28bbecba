"""One level, from its first instruction to its last: prepare, boot the engine, go one deeper, wait, unwind."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from inception.level import cgroups, fds, lifeline
from inception.level.ending import EXIT_FAILED, EXIT_UNWOUND, Ending, EndOfLevel
from inception.level.engine import LevelEngine
from inception.level.events import EventLog
from inception.level.failure import LevelFailure
from inception.level.mounts import RemountWritable, parse_mountinfo
from inception.level.network import close_network, open_network
from inception.level.storage import close_storage, open_storage
from inception.plan.chain import CgroupNamespace, ChainPlan, LevelPlan
from inception.plan.events import Phase

_DATA_ROOT = Path("/var/lib/docker")


def main() -> None:
    """Be the level whose number is the first argument, of the chain whose plan INCEPTION_PLAN names."""
    fds.close_inherited()
    plan = ChainPlan.from_json(Path(os.environ["INCEPTION_PLAN"]).read_text())
    sys.exit(run(plan, int(sys.argv[1])))


def run(plan: ChainPlan, number: int) -> int:
    """Be level `number` of `plan` until it ends; returns the exit status."""
    ending = Ending()
    events = EventLog(plan.paths, number)
    held = lifeline.hold(Path(plan.paths.lifeline(number)))
    level = plan.level(number)
    engine, below = None, None
    try:
        if number > 1 or plan.attached:
            above = Path(plan.paths.lifeline(number - 1))
            lifeline.call_when_free(above, lambda: ending.because(f"level {number - 1} is gone"))
        with events.phase(Phase.READY):
            with events.phase(Phase.PREPARE):
                prepare(plan, level)
                engine = LevelEngine(plan, number, _DATA_ROOT, events)
            engine.boot()
            engine.watch(ending)
        if number < plan.depth:
            # Not at the top: it brings the Docker SDK, which engine.boot() imports while dockerd boots.
            from inception.level.below import LevelBelow

            below = LevelBelow(plan, number + 1, events)
            below.start(engine.image_id, ending)
        ending.wait()
    except EndOfLevel:
        status = EXIT_UNWOUND
    except LevelFailure:
        status = EXIT_FAILED
    ending.unwind_now()
    try:
        with events.phase(Phase.UNWIND):
            os.close(held)
            if below is not None:
                below.outlive()
            if engine is not None:
                engine.stop()
            close_network(plan, level)
            close_storage(level.storage, _DATA_ROOT)
    except LevelFailure:
        status = EXIT_FAILED
    if number == 1 and plan.attached:
        shutil.rmtree(plan.run_directory, ignore_errors=True)
    return status


def prepare(plan: ChainPlan, level: LevelPlan) -> None:
    """Make this container fit for an engine: /sys and control groups writable, a network, a data-root.

    Raises PhaseError or OSError.
    """
    RemountWritable(Path("/sys")).execute()
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text())
    for mount in cgroups.plan_mounts(level.cgroup_namespace, mounts):
        mount.execute()
    if level.cgroup_namespace is CgroupNamespace.PRIVATE:
        cgroups.delegate_controllers()
    open_network(plan, level)
    open_storage(level.storage, _DATA_ROOT)
