"""The runner: boots one level's engine, starts the child level, lives until the level is to end, and unwinds."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, NoReturn

from inception.level.commands import install_commands
from inception.level.early.daemons import EarlyDaemons
from inception.level.engine.lifecycle import LevelEngine
from inception.level.engine.watch import EngineWatch
from inception.level.event_log import EventLog
from inception.level.failure import LevelFailure
from inception.level.host_mounts import open_mounts
from inception.level.mailbox import Mailbox, Message
from inception.level.network import close_network, open_network
from inception.level.outward import open_ways_outward
from inception.level.shutdown import EndOfLevel, Shutdown
from inception.level.standby.handover import Handover, let_signals_through, stand_by, take_back
from inception.level.storage import close_storage, open_storage
from inception.linux import cgroups, lifeline
from inception.linux.mounts import RemountWritable, ShareMounts, parse_mountinfo
from inception.plan.chain import ChainPlan, LevelPlan
from inception.plan.events import Phase, State
from inception.plan.light_dataclasses import dataclass
from inception.plan.paths import DATA_ROOT
from inception.plan.pids import PidNamespace
from inception.plan.protocol import RunnerExit, Variable
from inception.plan.request import Storage

if TYPE_CHECKING:
    from inception.level.children import Children

_DATA_ROOT = Path(DATA_ROOT)
_CLIENT_LIMIT_S = 1.0
"""Seconds for the client of a chain that broke to look at what it left, and release its lifeline."""
_FOLLOWER_LIMIT_S = 1.0
"""Seconds for those that follow the events, for clients on other machines, to report the last ones."""


class Context:
    """A level while it lives. `engine` and `children` come as it boots, so that half a boot can be unwound, too."""

    def __init__(self, plan_file: Path, number: int, early: EarlyDaemons, handover: Handover | None = None) -> None:
        """Read the plan, take over the signals, open the event file and hold the locks of level `number`.

        Those of a `handover` are held already.
        """
        self.plan_file = plan_file
        self.plan_text = plan_file.read_text() if handover is None else handover.plan_text
        self.plan = ChainPlan.from_json(self.plan_text) if handover is None else handover.plan
        self.level = self.plan.level(number)
        self.shutdown = Shutdown()
        self.mailbox = Mailbox()
        self.events = EventLog(self.plan.paths, number)
        own_lifeline, alive = Path(self.plan.paths.lifeline(number)), Path(self.plan.paths.alive(number))
        if handover is None:
            self.own_lifeline = lifeline.Lifeline(own_lifeline)
            self.own_lifeline.take()
            self.alive = lifeline.hold(alive)
            """Descriptor of the lock that is held until this process ends."""
        else:
            self.own_lifeline = lifeline.Lifeline(own_lifeline, handover.own_lifeline)
            self.alive = handover.alive
        self.early = early
        self.ttl_ends_s: float | None = None
        """When the chain's time to live is over, on CLOCK_MONOTONIC."""
        self.engine: LevelEngine | None = None
        self.watch: EngineWatch | None = None
        self.children: Children | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Course of a level's life: whether it failed before it unwound or while it did, and what else broke."""

    failed: bool
    unwinding_failed: bool
    unreported: bool
    """Whether a failure could not be written to the event file."""
    child_broken: bool
    """Whether a child level ended unexpectedly, which this level survived."""


def exit_status(outcome: Outcome) -> RunnerExit:
    """Return the runner's exit status, which tells the level above what it cannot read in the event file."""
    if outcome.unreported:
        return RunnerExit.FAILED_UNREPORTED
    return RunnerExit.FAILED if outcome.failed or outcome.unwinding_failed else RunnerExit.UNWOUND


def main(number: int, early: EarlyDaemons) -> None:
    """Run level `number` of the chain whose plan Variable.PLAN names; some of its daemons run already."""
    _leave(run(Context(Path(os.environ[Variable.PLAN]), number, early), boot))


def main_again(number: int, handed_over: str, own_lifeline: str) -> None:
    """Run level `number` from where its runner has begun to stand by; its signals are blocked."""
    handover = take_back(handed_over, own_lifeline)
    context = Context(Path(os.environ[Variable.PLAN]), number, EarlyDaemons(), handover)
    _leave(run(context, partial(resume, handover=handover)))


def _leave(status: RunnerExit) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # Everything is undone, and the level above waits: Python would take its modules apart first.
    os._exit(status)


def run(context: Context, begin: Callable[[Context], LevelEngine]) -> RunnerExit:
    """Run a level until it ends; return the exit status. `begin` returns its engine, which answers."""
    failed = False
    try:
        engine = begin(context)
        live(context, engine)
    except EndOfLevel:
        failed = context.shutdown.broken or context.shutdown.stopped
        if context.shutdown.stopped:
            context.events.write(Phase.READY, State.FAIL, message=context.shutdown.reason)
    except LevelFailure:
        failed = True
    context.shutdown.unwind_now()
    outcome = Outcome(
        failed=failed,
        unwinding_failed=not unwind(context),
        unreported=context.events.unreported is not None,
        child_broken=context.children is not None and context.children.broken,
    )
    clean_up(context, outcome)
    return exit_status(outcome)


def boot(context: Context) -> LevelEngine:
    """Prepare the container, boot its engine and return it once it answers. Raises LevelFailure or EndOfLevel."""
    if context.level.number == 1 and context.plan.ttl_s is not None:
        context.ttl_ends_s = time.monotonic() + context.plan.ttl_s
    _end_in_time(context)
    with context.events.phase(Phase.READY):
        with context.events.phase(Phase.PREPARE):
            prepare(context.plan, context.level)
            engine = _make_engine(context)
        engine.boot()
        _watch(context, engine)
        lifeline.mark_ready(context.alive)
    return engine


def resume(context: Context, handover: Handover) -> LevelEngine:
    """Take over the engine and the child levels, and return the former.

    Raises EndOfLevel if a signal has come that ends the level.
    """
    engine = _make_engine(context)
    engine.take_over(handover.containerd, handover.dockerd, handover.image_id)
    context.children = _make_children(context, engine)
    context.children.take_over(context.plan, handover.children)
    context.ttl_ends_s = handover.ttl_ends_s
    _end_in_time(context)
    _watch(context, engine)
    let_signals_through()
    return engine


def _make_engine(context: Context) -> LevelEngine:
    context.engine = LevelEngine(context.plan, context.level.number, _DATA_ROOT, context.events, context.early)
    return context.engine


def _watch(context: Context, engine: LevelEngine) -> None:
    context.watch = EngineWatch(engine, context.plan, context.level.number, context.events, context.shutdown)
    context.watch.start()


def live(context: Context, engine: LevelEngine) -> NoReturn:
    """Start the child levels, then follow changes of the plan. Raises EndOfLevel, or LevelFailure if none can."""
    # All that was made so far stays (`__main__`).
    gc.freeze()
    gc.enable()
    if (children := context.children) is None:
        children = context.children = _make_children(context, engine)
        children.converge(context.plan, fate_shared=context.plan.attached)
    while True:
        match context.mailbox.wait(context.plan.limits.quiet_s):
            case Message.PLAN_CHANGED:
                text = context.plan_file.read_text()
                plan = ChainPlan.from_json(text)
                try:
                    children.converge(plan, fate_shared=False)
                    context.plan, context.plan_text = plan, text
                except LevelFailure:
                    children.clear()  # The failure is reported, and this level is whole.
            case Message.CHILD_ENDED:
                children.clear()
            case None:
                _stand_by(context, engine, children)


def _make_children(context: Context, engine: LevelEngine) -> Children:
    # Not at the top: it is imported while dockerd boots (`engine`).
    from inception.level.children import Children, ChildSlot

    make_slot = partial(
        ChildSlot,
        image=engine.image_id,
        restore_image=engine.restore_image,
        own_lifeline=context.own_lifeline,
        events=context.events,
        shutdown=context.shutdown,
        mailbox=context.mailbox,
    )
    return Children(context.plan, context.level.number, make_slot)


def _stand_by(context: Context, engine: LevelEngine, children: Children) -> None:
    """Have a small program wait in this process; return if something goes on in the level, or it cannot be run."""
    with context.shutdown.acting:
        if not _is_quiet(context, children):
            return
        with engine.held() as held:
            if not held:
                return
            containerd, dockerd = engine.daemons
            handover = Handover(
                plan=context.plan,
                plan_text=context.plan_text,
                containerd=containerd.process.pid,
                dockerd=dockerd.process.pid,
                image_id=engine.image_id,
                own_lifeline=context.own_lifeline.descriptor,
                alive=context.alive,
                children=children.living,
                ttl_ends_s=context.ttl_ends_s,
            )
            with suppress(OSError):  # Without memory for another program this one waits on.
                stand_by(context.level.number, handover, _DATA_ROOT)


def _is_quiet(context: Context, children: Children) -> bool:
    """Return whether all that the runner watches is whole, and has always been."""
    above = context.plan.lifeline_above(context.level.number)
    # A client on another machine may not have taken its lifeline yet.
    hangs = above is None or lifeline.is_held(Path(above))
    engine_quiet = context.watch is not None and context.watch.quiet
    return (
        hangs
        and engine_quiet
        and children.quiet
        and not children.broken
        and context.own_lifeline.descriptor is not None
    )


def unwind(context: Context) -> bool:
    """End the child levels, then the engine, and undo `prepare`; return whether nothing failed."""
    try:
        with context.events.phase(Phase.UNWIND):
            context.own_lifeline.mark_ending()
            context.own_lifeline.release()
            # Mostly before its child levels have ended: their shims would clear up after them.
            killed = context.engine is not None and may_be_killed(context) and context.engine.kill()
            if context.children is not None:
                context.children.outlive(container_too=not killed)
            if context.engine is not None and not killed:
                context.engine.stop()
            context.early.stop()
            close_network(context.plan, context.level)
            close_storage(context.level.storage, _DATA_ROOT)
    except LevelFailure:
        return False
    return True


def may_be_killed(context: Context) -> bool:
    """Return whether all of a level that ends on purpose may end with its container, by the kernel, at one moment.

    So it is where its data go, its PID namespace ends, too, and no child level is just being started.
    """
    plan, level = context.plan, context.level
    on_purpose = not (context.shutdown.broken or context.shutdown.stopped)
    kept = Path(plan.paths.kept).exists() or level.storage.kind is Storage.LOOPBACK
    started = context.children is None or context.children.started
    return on_purpose and not kept and started and ends_with_its_pid_namespace(plan, level)


def ends_with_its_pid_namespace(plan: ChainPlan, level: LevelPlan) -> bool:
    """Return whether the PID namespace of a level that ends does so, too, and with it what the level leaves running.

    The namespace is its own, or that of a level above, which then has marked its lifeline.
    """
    owner = level
    while owner.pid_namespace is PidNamespace.SHARED:
        owner = plan.level(owner.above)
    return owner is level or lifeline.is_ending(Path(plan.paths.lifeline(owner.number)))


def clean_up(context: Context, outcome: Outcome) -> None:
    """Remove the run directory with level 1; a detached chain that broke keeps it until somebody has seen why."""
    if context.level.number != 1:
        return
    broke = exit_status(outcome) is not RunnerExit.UNWOUND or outcome.child_broken
    if context.plan.attached or not broke:
        import shutil  # Not at the top: see `graft`.

        if broke:
            lifeline.await_free(Path(context.plan.paths.lifeline(0)), _CLIENT_LIMIT_S)
        shutil.rmtree(context.plan.run_directory, ignore_errors=True)
    if context.plan.remote:
        # They run in this container, and end with it.
        context.events.await_followers(_FOLLOWER_LIMIT_S)


def _end_in_time(context: Context) -> None:
    """Arrange that this level ends with the level above or the client, or when its time to live is over."""
    plan, number, shutdown = context.plan, context.level.number, context.shutdown
    if (above := plan.lifeline_above(number)) is not None:
        level = context.level.above
        # A client on another machine takes it by a command in this container, so once that runs.
        late_s = plan.limits.lifeline_s if plan.remote and number == 1 else 0.0
        lifeline.call_when_free(Path(above), lambda: shutdown.request(f"level {level} is gone"), held_within_s=late_s)
    if context.ttl_ends_s is not None:
        # It counts on CLOCK_MONOTONIC: a clock that is set does not move it.
        left_s = context.ttl_ends_s - time.monotonic()
        timer = Timer(left_s, shutdown.request, ("its time to live is over",))
        timer.daemon = True
        timer.start()


def prepare(plan: ChainPlan, level: LevelPlan) -> None:
    """Make this container fit for an engine and for shells: /sys and control groups writable, a network, a data-root.

    Its mounts are shared last, with those made before. Raises PhaseError or OSError.
    """
    RemountWritable(target=Path("/sys")).execute()
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text())
    cgroups.open_hierarchies(level.cgroup_namespace, mounts)
    install_commands(plan.paths)
    open_ways_outward(plan)
    open_network(plan, level)
    open_storage(level.storage, _DATA_ROOT)
    open_mounts(plan, level.number)
    ShareMounts(target=Path("/")).execute()
