"""Signals caught and queued."""

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


def test_signals_wait_until_they_are_taken() -> None:
    with catch_signals((*ENDING_SIGNALS, signal.SIGWINCH)) as signals:
        assert not ready(signals)
        assert signals.take() == []
        os.kill(os.getpid(), signal.SIGWINCH)
        os.kill(os.getpid(), signal.SIGTERM)
        assert ready(signals)
        assert signals.take() == [signal.SIGWINCH, signal.SIGTERM]
        assert not ready(signals)


def test_handlers_and_descriptors_are_restored() -> None:
    before = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
    wakeup = signal.set_wakeup_fd(-1)
    descriptors = open_descriptors()
    with catch_signals(ENDING_SIGNALS):
        assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
    assert {number: signal.getsignal(number) for number in ENDING_SIGNALS} == before
    assert signal.set_wakeup_fd(wakeup) == -1
    assert open_descriptors() == descriptors


def test_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with catch_signals(ENDING_SIGNALS) as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signals.take() == []
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_signals_are_not_queued() -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with catch_signals(ENDING_SIGNALS) as signals:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert signals.take() == []
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_second_ending_signal_raises_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SAME_SIGNAL_S", 0.0)
    with catch_signals(ENDING_SIGNALS):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.001)
        with pytest.raises(Interrupted) as raised:
            os.kill(os.getpid(), signal.SIGINT)
    assert raised.value.signal_number == signal.SIGINT


def test_two_ending_signals_at_once_count_as_one() -> None:
    with catch_signals(ENDING_SIGNALS) as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert set(signals.take()) == {signal.SIGTERM}


def test_window_changes_do_not_end_us() -> None:
    with catch_signals((*ENDING_SIGNALS, signal.SIGWINCH)) as signals:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGWINCH)
        assert set(signals.take()) == {signal.SIGWINCH}
