from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from inception.level.mailbox import Mailbox
from inception.level.shutdown import EndOfLevel, Shutdown
from inception.plan.protocol import SIGNAL_UNWIND

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
SIGNALS = (*STOPPING, SIGNAL_UNWIND)
RESTORED = (*SIGNALS, signal.SIGUSR1)


@pytest.fixture
def shutdown() -> Iterator[Shutdown]:
    before = {number: signal.getsignal(number) for number in RESTORED}
    yield Shutdown()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("shutdown")
@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_ends_the_wait(number: signal.Signals) -> None:
    threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
    with pytest.raises(EndOfLevel):
        Mailbox().wait()


def test_a_reason_from_another_thread_ends_the_wait(shutdown: Shutdown) -> None:
    threading.Timer(0.05, shutdown.request, ("level 3 ended",)).start()
    with pytest.raises(EndOfLevel, match="level 3 ended"):
        Mailbox().wait()


def test_what_an_engine_sends_that_stops_is_told_apart(shutdown: Shutdown) -> None:
    with pytest.raises(EndOfLevel, match=r"the engine above stopped it \(SIGTERM\)"):
        signal.raise_signal(signal.SIGTERM)
    assert shutdown.stopped
    assert not shutdown.broken  # Nothing is, in an engine that is stopped alone.


def test_what_ends_a_chain_on_purpose_is_none(shutdown: Shutdown) -> None:
    with pytest.raises(EndOfLevel, match="the chain is ended on purpose"):
        signal.raise_signal(SIGNAL_UNWIND)
    assert not shutdown.stopped
    assert not shutdown.broken


@pytest.mark.parametrize("broken", [True, False])
def test_a_reason_of_our_own_is_told_by_whoever_gives_it(shutdown: Shutdown, broken: bool) -> None:
    with pytest.raises(EndOfLevel, match="dockerd ended"):
        shutdown.request("dockerd ended", broken=broken)
    assert not shutdown.stopped
    assert shutdown.broken is broken


def test_it_ends_once_only(shutdown: Shutdown) -> None:
    with pytest.raises(EndOfLevel):
        signal.raise_signal(SIGNAL_UNWIND)
    signal.raise_signal(signal.SIGTERM)
    shutdown.request("too late", broken=True)
    assert shutdown.begun
    assert not shutdown.broken
    assert shutdown.reason == "the chain is ended on purpose"


def test_nothing_interrupts_the_unwinding(shutdown: Shutdown) -> None:
    shutdown.unwind_now()
    signal.raise_signal(signal.SIGTERM)


def test_no_phase_takes_it_for_a_failure() -> None:
    assert not issubclass(EndOfLevel, Exception)
