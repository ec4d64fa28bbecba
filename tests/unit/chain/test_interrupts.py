"""Signals that become exceptions."""

from __future__ import annotations

import os
import signal

import pytest

from inception.chain.interrupts import ENDING_SIGNALS, raising_interrupted
from inception.errors import Interrupted


@pytest.mark.parametrize("number", ENDING_SIGNALS)
def test_raising_interrupted_raises_and_restores_the_handlers(number: signal.Signals) -> None:
    before = {each: signal.getsignal(each) for each in ENDING_SIGNALS}
    with pytest.raises(Interrupted) as raised, raising_interrupted():
        os.kill(os.getpid(), number)
    assert raised.value.signal_number == number
    assert {each: signal.getsignal(each) for each in ENDING_SIGNALS} == before


@pytest.mark.parametrize("number", ENDING_SIGNALS)
def test_raising_interrupted_leaves_ignored_signals_ignored(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with raising_interrupted():
            os.kill(os.getpid(), number)
            assert signal.getsignal(number) is signal.SIG_IGN
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)
