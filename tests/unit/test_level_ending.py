from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from inception.level.ending import Ending, EndOfLevel
from inception.level.mailbox import Mailbox

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
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


def test_it_ends_once_only(ending: Ending) -> None:
    with pytest.raises(EndOfLevel):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    ending.because("too late")
    assert ending.begun
    assert ending.reason == "a signal came"


def test_nothing_interrupts_the_unwinding(ending: Ending) -> None:
    ending.unwind_now()
    signal.raise_signal(signal.SIGTERM)


def test_no_phase_takes_it_for_a_failure() -> None:
    assert not issubclass(EndOfLevel, Exception)
