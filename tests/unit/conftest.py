"""Fail each unit test that leaves signals handled otherwise than before."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def unchanged_signals() -> Iterator[None]:
    """Fail a test that leaves a signal handled otherwise, or blocked: Ctrl-C would no longer end the test run."""
    handlers, mask = _handlers(), signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    left = sorted(number.name for number, handler in _handlers().items() if handler != handlers[number])
    _restore(handlers)
    assert not left, "the test left handlers of signals: the fixture restored_signals removes them"
    assert signal.pthread_sigmask(signal.SIG_SETMASK, mask) == mask, "the test left signals blocked"


@pytest.fixture
def restored_signals(unchanged_signals: None) -> Iterator[None]:
    """Restore the handlers and the wake-up that a test's code leaves, as the last code of its process does."""
    del unchanged_signals  # It must compare after this one has restored.
    handlers = _handlers()
    yield
    _restore(handlers)
    signal.set_wakeup_fd(-1)


def _handlers() -> dict[signal.Signals, object]:
    # SIGALRM is pytest-timeout's, whose handler stays for a moment after a failed set-up.
    return {number: signal.getsignal(number) for number in signal.Signals if number != signal.SIGALRM}


def _restore(handlers: dict[signal.Signals, object]) -> None:
    for number, handler in _handlers().items():
        if handler != handlers[number]:
            signal.signal(number, handlers[number])  # type: ignore[arg-type]
