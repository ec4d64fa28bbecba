"""The watch on a level's engine: it restarts a dockerd, or ends the level, and reports a data-root that is full.

It also keeps the level's logs within their limit.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from inception.level.early.processes import Daemon
from inception.level.engine.lifecycle import LevelEngine
from inception.level.engine.log_rotation import rotate
from inception.level.event_log import EventLog, tail
from inception.level.failure import PhaseError, explain
from inception.level.shutdown import Shutdown
from inception.linux import lifeline
from inception.linux.disk_space import is_full
from inception.plan.chain import LABEL_LEVEL, ChainPlan
from inception.plan.events import Phase, State
from inception.plan.paths import LOGGED_PROGRAMS

MAX_RESTARTS = 3
RESTART_WINDOW_S = 60.0
"""A daemon that dies more often than that is broken."""
MAX_DISK_NOTES = 6
DISK_NOTE_WINDOW_S = 600.0
"""A data-root at the edge of being full would fill the event file with notes."""
FILES_POLL_S = 2.0


class Allowance:
    """Counts what may happen `most` times within `window_s` seconds, on a clock that nobody sets."""

    def __init__(self, most: int, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._window_s = window_s
        self._clock = clock
        self._recent: deque[float] = deque(maxlen=most)

    def take_one(self) -> bool:
        """Return whether there may be one more now; if so, count it."""
        now_s = self._clock()
        if len(self._recent) == self._recent.maxlen and now_s - self._recent[0] < self._window_s:
            return False
        self._recent.append(now_s)
        return True


class EngineWatch:
    """Watches the daemons and the data-root of `engine`, that of level `number`, each in a thread of its own."""

    def __init__(self, engine: LevelEngine, plan: ChainPlan, number: int, events: EventLog, shutdown: Shutdown) -> None:
        self._engine = engine
        self._plan = plan
        self._number = number
        self._events = events
        self._shutdown = shutdown
        self._restarts = Allowance(MAX_RESTARTS, RESTART_WINDOW_S)
        self.quiet = True
        """Whether nothing that is watched has ever needed anything; changed while `Shutdown.acting` is held."""

    def start(self) -> None:
        """Start watching, until the engine is stopped."""
        threading.Thread(target=self._watch_files, name="watch files", daemon=True).start()
        for daemon in self._engine.daemons:
            threading.Thread(target=self._watch, args=(daemon,), name=f"watch {daemon.name}", daemon=True).start()

    def _watch(self, daemon: Daemon) -> None:
        running: Daemon | None = daemon
        while running is not None:
            status = running.process.wait()
            with self._shutdown.acting:
                self.quiet = False
            if self._is_over():
                return
            reason = f"{daemon.name} ended with status {status}"
            running = None
            if not self._plan.restart_engines:
                self._break(daemon, reason)
            elif daemon.name != "dockerd":
                self._break(daemon, f"{reason}, and only a dockerd can be started again")
            elif not self._restarts.take_one():
                self._break(daemon, f"{reason}, after {MAX_RESTARTS} restarts within {RESTART_WINDOW_S:g} s")
            else:
                running = self._restart(daemon, reason)

    def _is_over(self) -> bool:
        return self._engine.stopping or self._shutdown.begun

    def _break(self, daemon: Daemon, reason: str) -> None:
        log = Path(self._plan.paths.log(self._number, daemon.name))
        self._events.write(Phase(daemon.name), State.FAIL, message=reason, log_tail=tail(log))
        self._shutdown.request(f"{daemon.name} ended", broken=True)

    def _restart(self, ended: Daemon, reason: str) -> Daemon | None:
        """Start dockerd again, and check that it has taken over the child levels; return it.

        None if it has not, which is reported, or if the level ends.
        """
        self._events.note(Phase.DOCKERD, f"{reason}: restarting it")
        begun_s = time.monotonic()
        try:
            if (dockerd := self._engine.restart_dockerd()) is None:
                return None
            kept = self._check_child()
        except Exception as error:  # noqa: BLE001 - whatever it is, the engine is not there again
            if not self._is_over():
                self._break(ended, f"{reason}, and could not be restarted: {explain(error)[0]}")
            return None
        took_s = time.monotonic() - begun_s
        self._events.note(Phase.DOCKERD, f"engine restarted in {took_s:.1f} s{kept}: {reason}")
        return dockerd

    def _check_child(self) -> str:
        """Return a remark on the child levels that live. Raises PhaseError if dockerd has not taken one over."""
        # Not at the top: see `engine`.
        from inception.level.api.client import level_api

        api, kept = level_api(self._plan, self._number), []
        # A line may have grown since this level started.
        for child in self._plan.shape.children(self._number) or (self._number + 1,):
            taken_over = api.running(label=f"{LABEL_LEVEL}={child}")
            # Asked last: a level that has ended meanwhile has not been lost.
            if lifeline.is_held(Path(self._plan.paths.alive(child))):
                if not taken_over:
                    raise PhaseError(f"level {child} lives, and the new dockerd has not taken it over")
                kept.append(f", level {child} kept")
        return "".join(kept)

    def _watch_files(self) -> None:
        """Report a data-root that becomes full or has room again, and rotate the level's logs."""
        logs = [Path(self._plan.paths.log(self._number, program)) for program in LOGGED_PROGRAMS]
        notes = Allowance(MAX_DISK_NOTES, DISK_NOTE_WINDOW_S)
        was_full = False
        while not self._engine.stopping:
            with self._shutdown.acting:
                if (full := is_full(self._engine.data_root)) != was_full and notes.take_one():
                    state = "is full: nothing can be written in it" if full else "has room again"
                    self._events.note(Phase.DOCKERD, f"its data-root {state}")
                    was_full = full
                    self.quiet = False
                for log in logs:
                    rotate(log)
            time.sleep(FILES_POLL_S)
