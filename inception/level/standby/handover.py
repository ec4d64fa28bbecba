"""Lets the runner of a quiet level stand by, and take up again what it has handed over.

A runner takes 10 MB of memory, the program that waits in its place 3.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from inception.level.engine.log_rotation import LOG_LIMIT
from inception.level.engine.watch import FILES_POLL_S
from inception.level.standby.program import RELEASED, SIGNALS
from inception.plan.chain import ChainPlan
from inception.plan.light_dataclasses import dataclass
from inception.plan.paths import LOGGED_PROGRAMS
from inception.plan.protocol import Program

_PROGRAM = f"from {Program.STANDBY} import main; main()"


@dataclass(frozen=True, kw_only=True)
class Handover:
    """State that a runner hands over to itself: its daemons by their process ids, its locks by their descriptors.

    `plan` is the one that it knows, which has its children: that in the run directory may have fewer levels by now;
    `plan_text` is its file's content, as writing it anew takes 10 ms for 256 levels.
    `children` are the child levels that there are, with whether this level ends with them; `image_id` is the id in its
    engine of the image that it was given; at `ttl_ends_s` on CLOCK_MONOTONIC the chain's time to live is over.
    """

    plan: ChainPlan
    plan_text: str
    containerd: int
    dockerd: int
    image_id: str
    own_lifeline: int | None
    alive: int
    children: dict[int, bool]
    ttl_ends_s: float | None


def give(handover: Handover, plan: BinaryIO) -> str:
    """Return `handover` as text for `take_back`, without the lifeline; the plan is written to a file.

    All descriptors are passed on to what this process executes. Raises OSError.
    """
    # That of a deep chain is as long as the whole program that waits is large.
    plan.write(zlib.compress(handover.plan_text.encode(), 1))
    plan.flush()
    os.set_inheritable(plan.fileno(), True)
    _pass_on_locks(handover, True)
    return json.dumps({**vars(handover), "plan": plan.fileno(), "plan_text": None, "own_lifeline": None})


def take_back(text: str, own_lifeline: str) -> Handover:
    """Read what `give` has returned; `own_lifeline` is its descriptor, or RELEASED. They are not passed on any more."""
    fields = json.loads(text)
    with os.fdopen(fields["plan"], "rb") as file:
        file.seek(0)
        fields["plan_text"] = zlib.decompress(file.read()).decode()
    fields["plan"] = ChainPlan.from_json(fields["plan_text"])
    fields["children"] = {int(number): shared for number, shared in fields["children"].items()}
    fields["own_lifeline"] = None if own_lifeline == RELEASED else int(own_lifeline)
    handover = Handover(**fields)
    _pass_on_locks(handover, False)
    return handover


def _pass_on_locks(handover: Handover, inheritable: bool) -> None:
    for lock in (handover.own_lifeline, handover.alive):
        if lock is not None:
            os.set_inheritable(lock, inheritable)


def stand_by(number: int, handover: Handover, data_root: Path) -> None:
    """Execute the program that waits in place of the runner of level `number`, in this process.

    `Shutdown.acting` must be held. A signal that comes meanwhile is for that program. Raises OSError.
    """
    signals, signals_in = os.pipe2(os.O_NONBLOCK)
    # A thread that takes a signal from here on writes it to the pipe, whatever this process executes.
    before = signal.set_wakeup_fd(signals_in, warn_on_full_buffer=False)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        with os.fdopen(os.memfd_create("inception-plan"), "wb") as plan:
            words = [f"signals={signals}", f"signals-in={signals_in}", *watch_words(number, handover, data_root)]
            program = [sys.executable, "-S", "-c", _PROGRAM, str(number), give(handover, plan), *words]
            os.execv(sys.executable, program)
    finally:
        _pass_on_locks(handover, False)  # Daemons that are started later would hold them for good.
        signal.set_wakeup_fd(before)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.close(signals)
        os.close(signals_in)


def watch_words(number: int, handover: Handover, data_root: Path) -> Iterator[str]:
    """Yield what the program watches for level `number`, in its words."""
    plan, paths = handover.plan, handover.plan.paths
    yield f"own-lifeline={handover.own_lifeline}"
    yield f"period={FILES_POLL_S}"
    if (above := plan.lifeline_above(number)) is not None:
        yield f"above={above}"
    for child in handover.children:
        yield f"child={paths.alive(child)}"
    yield f"daemon={handover.containerd}"
    yield f"daemon={handover.dockerd}"
    yield f"data-root={data_root}"
    yield f"log-limit={LOG_LIMIT}"
    for program in LOGGED_PROGRAMS:
        yield f"log={paths.log(number, program)}"
    if handover.ttl_ends_s is not None:
        yield f"ends={handover.ttl_ends_s}"


def let_signals_through() -> None:
    """Let the signals through that have come while the runner stood by; they may end the level at once."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
