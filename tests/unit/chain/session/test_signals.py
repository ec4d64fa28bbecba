"""Signals that can be polled for."""

from __future__ import annotations

import os
import select
import signal
import time
from pathlib import Path

import pytest

from inception.chain.interrupts import ENDING_SIGNALS
from inception.chain.session import signals as module
from inception.chain.session.signals import SignalQueue, catch_signals
from inception.errors import Interrupted


def ready(signals: SignalQueue) -> bool:
    poll = select.poll()
    poll.register(signals, select.POLLIN)
    return bool(poll.poll(0))


def open_descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def test_they_wait_until_they_are_taken() -> None:
    with catch_signals((*ENDING_SIGNALS, signal.SIGWINCH)) as signals:
        assert not ready(signals)
        assert signals.take() == []
        os.kill(os.getpid(), signal.SIGWINCH)
        os.kill(os.getpid(), signal.SIGTERM)
        assert ready(signals)
        assert signals.take() == [signal.SIGWINCH, signal.SIGTERM]
        assert not ready(signals)


def test_everything_is_as_before_afterwards() -> None:
    before = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
    wakeup = signal.set_wakeup_fd(-1)
    descriptors = open_descriptors()
    with catch_signals(ENDING_SIGNALS):
        assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
    assert {number: signal.getsignal(number) for number in ENDING_SIGNALS} == before
    assert signal.set_wakeup_fd(wakeup) == -1
    assert open_descriptors() == descriptors


def test_one_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with catch_signals(ENDING_SIGNALS) as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signals.take() == []
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_those_of_others_are_not_ours() -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with catch_signals(ENDING_SIGNALS) as signals:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert signals.take() == []
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_the_second_wish_to_end_breaks_off_whatever_is_being_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SAME_SIGNAL_S", 0.0)
    with catch_signals(ENDING_SIGNALS):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.001)
        with pytest.raises(Interrupted) as raised:
            os.kill(os.getpid(), signal.SIGINT)
    assert raised.value.signal_number == signal.SIGINT


def test_the_same_wish_twice_at_once_is_one() -> None:
    with catch_signals(ENDING_SIGNALS) as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert set(signals.take()) == {signal.SIGTERM}


def test_window_changes_are_no_wish_to_end() -> None:
    with catch_signals((*ENDING_SIGNALS, signal.SIGWINCH)) as signals:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGWINCH)
        assert set(signals.take()) == {signal.SIGWINCH}
