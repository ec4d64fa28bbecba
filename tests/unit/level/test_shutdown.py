from __future__ import annotations

import _thread
import os
import signal
import threading
import time

import pytest

from inception.level.mailbox import Mailbox, Message
from inception.level.shutdown import EndOfLevel, Shutdown
from inception.plan.protocol import SIGNAL_PLAN_CHANGED, SIGNAL_UNWIND

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
SIGNALS = (*STOPPING, SIGNAL_UNWIND)
_LIMIT_S = 4.0


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


@pytest.mark.usefixtures("shutdown")
def test_a_signal_that_comes_right_before_the_wait_ends_it() -> None:
    """As here, where the interpreter notes a signal and none interrupts what the thread waits for."""
    begun_s = time.monotonic()
    threading.Timer(0.05, _thread.interrupt_main, (signal.SIGTERM,)).start()
    with pytest.raises(EndOfLevel):
        Mailbox().wait(_LIMIT_S)
    assert time.monotonic() - begun_s < _LIMIT_S / 2


@pytest.mark.usefixtures("shutdown")
def test_messages_come_in_order_and_end_the_wait() -> None:
    mailbox = Mailbox()
    assert mailbox.wait(0.01) is None
    threading.Timer(0.05, mailbox.put, (Message.CHILD_ENDED,)).start()
    assert mailbox.wait(None) is Message.CHILD_ENDED
    signal.raise_signal(SIGNAL_PLAN_CHANGED)
    mailbox.put(Message.CHILD_ENDED)
    assert [mailbox.wait(0) for _ in range(3)] == [Message.PLAN_CHANGED, Message.CHILD_ENDED, None]


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
