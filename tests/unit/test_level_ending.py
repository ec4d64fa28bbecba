from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from inception.level.mailbox import Mailbox
from inception.level.shutdown import SIGNAL_UNWIND, Ending, EndOfLevel

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
SIGNALS = (*STOPPING, SIGNAL_UNWIND)
RESTORED = (*SIGNALS, signal.SIGUSR1)


@pytest.fixture
def ending() -> Iterator[Ending]:
    before = {number: signal.getsignal(number) for number in RESTORED}
    yield Ending()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("ending")
@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_ends_the_wait(number: signal.Signals) -> None:
    threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
    with pytest.raises(EndOfLevel):
        Mailbox().wait()


def test_a_reason_from_another_thread_ends_the_wait(ending: Ending) -> None:
    threading.Timer(0.05, ending.because, ("level 3 ended",)).start()
    with pytest.raises(EndOfLevel, match="level 3 ended"):
        Mailbox().wait()


def test_what_an_engine_sends_that_stops_is_told_apart(ending: Ending) -> None:
    with pytest.raises(EndOfLevel, match=r"the engine above stopped it \(SIGTERM\)"):
        signal.raise_signal(signal.SIGTERM)
    assert ending.stopped
    assert not ending.broken  # Nothing is, in an engine that is stopped alone.


def test_what_ends_a_chain_on_purpose_is_none(ending: Ending) -> None:
    with pytest.raises(EndOfLevel, match="it was told to"):
        signal.raise_signal(SIGNAL_UNWIND)
    assert not ending.stopped
    assert not ending.broken


@pytest.mark.parametrize("broken", [True, False])
def test_a_reason_of_our_own_is_told_by_whoever_gives_it(ending: Ending, broken: bool) -> None:
    with pytest.raises(EndOfLevel, match="dockerd ended"):
        ending.because("dockerd ended", broken=broken)
    assert not ending.stopped
    assert ending.broken is broken


def test_it_ends_once_only(ending: Ending) -> None:
    with pytest.raises(EndOfLevel):
        signal.raise_signal(SIGNAL_UNWIND)
    signal.raise_signal(signal.SIGTERM)
    ending.because("too late", broken=True)
    assert ending.begun
    assert not ending.broken
    assert ending.reason == "it was told to"


def test_nothing_interrupts_the_unwinding(ending: Ending) -> None:
    ending.unwind_now()
    signal.raise_signal(signal.SIGTERM)


def test_no_phase_takes_it_for_a_failure() -> None:
    assert not issubclass(EndOfLevel, Exception)
