"""One level, from its first instruction to its last: prepare, boot the engine, go one deeper, live, unwind."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, NoReturn

from inception.level.commands import install_commands
from inception.level.engine import LevelEngine
from inception.level.event_log import EventLog
from inception.level.failure import LevelFailure
from inception.level.mailbox import Mailbox, Message
from inception.level.network import close_network, open_network
from inception.level.shutdown import EXIT_FAILED, EXIT_UNTOLD, EXIT_UNWOUND, EndOfLevel, Shutdown
from inception.level.storage import close_storage, open_storage
from inception.linux import cgroups, fds, lifeline
from inception.linux.mounts import RemountWritable, parse_mountinfo
from inception.plan.chain import ChainPlan, LevelPlan
from inception.plan.events import Phase, State

if TYPE_CHECKING:
    from inception.level.child import ChildSlot

_DATA_ROOT = Path("/var/lib/docker")


def main() -> None:
    """Be the level whose number is the first argument, of the chain whose plan INCEPTION_PLAN names."""
    fds.close_inherited()
    plan_file = Path(os.environ["INCEPTION_PLAN"])
    sys.exit(run(plan_file, int(sys.argv[1])))


def run(plan_file: Path, number: int) -> int:
    """Be level `number` of the plan in `plan_file` until it ends; returns the exit status."""
    plan = ChainPlan.from_json(plan_file.read_text())
    shutdown = Shutdown()
    mailbox = Mailbox()
    events = EventLog(plan.paths, number)
    own_lifeline = lifeline.Lifeline(Path(plan.paths.lifeline(number)))
    own_lifeline.take()
    alive = lifeline.hold(Path(plan.paths.alive(number)))  # Until the very end of this process.
    level = plan.level(number)
    engine, child = None, None
    try:
        _end_in_time(plan, number, shutdown)
        with events.phase(Phase.READY):
            with events.phase(Phase.PREPARE):
                prepare(plan, level)
                engine = LevelEngine(plan, number, _DATA_ROOT, events)
            engine.boot()
            engine.watch(shutdown)
            lifeline.say_ready(alive)
        # Not at the top: it brings the Docker SDK, which engine.boot() imports while dockerd boots.
        from inception.level.child import ChildSlot

        child = ChildSlot(
            number, image=engine.image_id, own_lifeline=own_lifeline, events=events, shutdown=shutdown, mailbox=mailbox
        )
        child.converge(plan, fate_shared=plan.attached)
        live(child, mailbox, plan_file)
    except EndOfLevel:
        status = EXIT_FAILED if shutdown.broken or shutdown.stopped else EXIT_UNWOUND
        if shutdown.stopped:
            events.write(Phase.READY, State.FAIL, message=shutdown.reason)
    except LevelFailure:
        status = EXIT_FAILED
    shutdown.unwind_now()
    try:
        with events.phase(Phase.UNWIND):
            own_lifeline.let_go()
            if child is not None:
                child.outlive()
            if engine is not None:
                engine.stop()
            close_network(plan, level)
            close_storage(level.storage, _DATA_ROOT)
    except LevelFailure:
        status = EXIT_FAILED
    if events.untold is not None:
        status = EXIT_UNTOLD
    # A detached chain that broke keeps what tells why, until somebody has seen it.
    broke = status != EXIT_UNWOUND or (child is not None and child.broken)
    if number == 1 and (plan.attached or not broke):
        shutil.rmtree(plan.run_directory, ignore_errors=True)
    return status


def _end_in_time(plan: ChainPlan, number: int, shutdown: Shutdown) -> None:
    """Arrange that this level ends with whoever it lives for: the level above, the client, or its time."""
    if number > 1 or plan.attached:
        above = Path(plan.paths.lifeline(number - 1))
        # A client far away can only take hold of it by a command in this container, so once it runs.
        late_s = plan.limits.lifeline_s if plan.remote and number == 1 else 0.0
        lifeline.call_when_free(above, lambda: shutdown.request(f"level {number - 1} is gone"), held_within_s=late_s)
    if number == 1 and plan.ttl_s is not None:
        # It counts on CLOCK_MONOTONIC: a clock that is set does not move it.
        timer = Timer(plan.ttl_s, shutdown.request, ("its time is over",))
        timer.daemon = True
        timer.start()


def live(child: ChildSlot, mailbox: Mailbox, plan_file: Path) -> NoReturn:
    """Do what there is to do, until EndOfLevel is raised: the plan changes, or the level below ends."""
    while True:
        match mailbox.wait():
            case Message.PLAN_CHANGED:
                try:
                    child.converge(ChainPlan.from_json(plan_file.read_text()), fate_shared=False)
                except LevelFailure:
                    child.clear()  # It is told already, and here nothing is broken.
            case Message.CHILD_ENDED:
                child.clear()


def prepare(plan: ChainPlan, level: LevelPlan) -> None:
    """Make this container fit for an engine and for shells: /sys and control groups writable, a network, a data-root.

    Raises PhaseError or OSError.
    """
    RemountWritable(Path("/sys")).execute()
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text())
    cgroups.open_hierarchies(level.cgroup_namespace, mounts)
    install_commands(plan.paths)
    open_network(plan, level)
    open_storage(level.storage, _DATA_ROOT)
