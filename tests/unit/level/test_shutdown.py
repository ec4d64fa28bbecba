from __future__ import annotations

import os
import signal
import threading

import pytest

from inception.level.mailbox import Mailbox
from inception.level.shutdown import EndOfLevel, Shutdown
from inception.plan.protocol import SIGNAL_UNWIND

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
SIGNALS = (*STOPPING, SIGNAL_UNWIND)


@pytest.fixture
def shutdown(restored_signals: None) -> Shutdown:
    del restored_signals
    return Shutdown()


@pytest.mark.usefixtures("shutdown")
@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_ends_the_wait(number: signal.Signals) -> None:
    threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
    with pytest.raises(EndOfLevel):
        Mailbox().wait(None)


def test_a_request_from_another_thread_ends_the_wait(shutdown: Shutdown) -> None:
    threading.Timer(0.05, shutdown.request, ("level 3 ended",)).start()
    with pytest.raises(EndOfLevel, match="level 3 ended"):
        Mailbox().wait(None)


def test_sigterm_of_a_stopping_engine_counts_as_stopped(shutdown: Shutdown) -> None:
    with pytest.raises(EndOfLevel, match=r"the engine above stopped it \(SIGTERM\)"):
        signal.raise_signal(signal.SIGTERM)
    assert shutdown.stopped
    assert not shutdown.broken  # Nothing is, in an engine that is stopped alone.


def test_the_signal_to_unwind_is_no_break(shutdown: Shutdown) -> None:
    with pytest.raises(EndOfLevel, match="the chain is ended on purpose"):
        signal.raise_signal(SIGNAL_UNWIND)
    assert not shutdown.stopped
    assert not shutdown.broken


@pytest.mark.parametrize("broken", [True, False])
def test_a_request_sets_broken_and_not_stopped(shutdown: Shutdown, broken: bool) -> None:
    with pytest.raises(EndOfLevel, match="dockerd ended"):
        shutdown.request("dockerd ended", broken=broken)
    assert not shutdown.stopped
    assert shutdown.broken is broken


def test_a_shutdown_happens_once(shutdown: Shutdown) -> None:
    with pytest.raises(EndOfLevel):
        signal.raise_signal(SIGNAL_UNWIND)
    signal.raise_signal(signal.SIGTERM)
    shutdown.request("too late", broken=True)
    assert shutdown.begun
    assert not shutdown.broken
    assert shutdown.reason == "the chain is ended on purpose"


def test_signals_do_not_interrupt_the_unwinding(shutdown: Shutdown) -> None:
    shutdown.unwind_now()
    signal.raise_signal(signal.SIGTERM)


def test_end_of_level_is_no_exception_of_a_phase() -> None:
    assert not issubclass(EndOfLevel, Exception)
