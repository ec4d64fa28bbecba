"""`python -c '...main()' NUMBER HANDOVER WORD...`: wait in place of the runner of level NUMBER, and run it again.

It runs in the runner's process: the daemons stay its children, and the locks that are handed over stay held. What has
happened is for the runner to find out, which looks at all that it watches, and gets the signals that have come. What is
imported here stays in memory once a level: that is next to nothing, and above all neither `signal` nor `threading`.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _thread
import fcntl
import os
import select
import sys
import time

from inception.linux.disk_space import is_full
from inception.linux.lifeline_marks import ENDING

AGAIN = "--again"
"""Argument of a runner that has stood by, before what it has handed over."""
RELEASED = "released"
"""In place of the descriptor of the level's own lifeline, if that is released."""
END_SIGNALS = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT, _signal.SIGUSR2)
"""Those of `Shutdown`."""
SIGNALS = (*END_SIGNALS, _signal.SIGUSR1)
_FREE = b"\0"
"""Written to the pipe of signals when a lock is free."""
_MOST_SIGNALS = 4096


class Watched:
    """Things that the runner watches, read from `words` of the form NAME=VALUE, where names may come again."""

    def __init__(self, words: list[str]) -> None:
        self._words = [word.partition("=")[::2] for word in words]
        self.own_lifeline = int(self._all("own-lifeline")[0])
        self._signals, self._signals_in = (int(self._all(name)[0]) for name in ("signals", "signals-in"))
        for descriptor in (self._signals, self._signals_in):
            os.set_inheritable(descriptor, False)
        self._period_s = float(self._all("period")[0])
        self._ends_s = min(map(float, self._all("ends")), default=None)
        self._data_roots, self._logs = self._all("data-root"), self._all("log")
        self._log_limit = int(self._all("log-limit")[0])
        self.ending = False
        """Whether the level is to end."""

    def _all(self, name: str) -> list[str]:
        return [value for word, value in self._words if word == name]

    def wait(self) -> None:
        """Wait until a signal comes, a daemon ends, a lock is free, or a file or the time asks for the runner."""
        # While no signal is let through: so none interrupts a thread.
        for path in self._all("above"):
            _thread.start_new_thread(self._await_lock, (path, True))
        for path in self._all("child"):
            _thread.start_new_thread(self._await_lock, (path, False))
        for number in SIGNALS:
            _signal.signal(number, lambda *_: None)
        _signal.set_wakeup_fd(self._signals_in, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        try:
            for process in self._all("daemon"):
                poll.register(os.pidfd_open(int(process)), select.POLLIN)
        except ProcessLookupError:
            return
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, SIGNALS)
        while not poll.poll(1000 * self._next_look_s()) and not self._asks_for_runner():
            pass

    def _await_lock(self, path: str, ends: bool) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except OSError:
            pass  # The runner knows what to make of that.
        self.ending = self.ending or ends
        os.write(self._signals_in, _FREE)

    def _next_look_s(self) -> float:
        if self._ends_s is None:
            return self._period_s
        return max(0.0, min(self._period_s, self._ends_s - time.monotonic()))

    def _asks_for_runner(self) -> bool:
        if self._ends_s is not None and time.monotonic() >= self._ends_s:
            self.ending = True
            return True
        return any(map(_is_full, self._data_roots)) or any(map(self._is_long, self._logs))

    def _is_long(self, log: str) -> bool:
        try:
            return os.stat(log).st_size > self._log_limit
        except OSError:
            return False  # Not every program has one.

    def put_back_signals(self) -> None:
        """Send this process the signals that have come; they are blocked, and wait for the runner."""
        _signal.pthread_sigmask(_signal.SIG_BLOCK, SIGNALS)
        try:
            came = set(os.read(self._signals, _MOST_SIGNALS)) & set(SIGNALS)
        except BlockingIOError:
            return
        for number in came:
            os.kill(os.getpid(), number)
        self.ending = self.ending or bool(came & set(END_SIGNALS))


def _is_full(data_root: str) -> bool:
    try:
        return is_full(data_root)
    except OSError:
        return True  # The runner knows what to make of that.


def main() -> None:
    """Wait, and become the runner again. If the level is to end, the levels below hear of it at once."""
    number, handover, *words = sys.argv[1:]
    watched = Watched(words)
    watched.wait()
    watched.put_back_signals()
    own_lifeline = str(watched.own_lifeline)
    if watched.ending:
        try:
            os.pwrite(watched.own_lifeline, ENDING, 0)
        except OSError:
            pass  # As in `lifeline.Lifeline`.
        os.close(watched.own_lifeline)
        own_lifeline = RELEASED
    os.execv(sys.executable, [sys.executable, "-S", "-m", "inception.level", number, AGAIN, handover, own_lifeline])
