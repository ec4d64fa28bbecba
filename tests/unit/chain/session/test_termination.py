"""Reasons and deadlines for a command's end, on a clock of the test's."""

from __future__ import annotations

import signal

import pytest

from inception.chain.session.termination import GRACE_S, Termination
from inception.errors import Interrupted


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_command_that_was_not_asked_to_end_has_no_deadline() -> None:
    termination = Termination()
    assert (termination.reason, termination.deadline_s, termination.overdue_status()) == (None, None, None)


def test_command_has_the_grace_period_to_end() -> None:
    clock = Clock()
    termination = Termination(clock=clock)
    termination.request(signal.SIGTERM)
    clock.now_s += GRACE_S - 0.001
    assert termination.overdue_status() is None


def test_signal_to_us_interrupts_us_at_the_deadline() -> None:
    clock = Clock()
    termination = Termination(clock=clock)
    termination.request(signal.SIGTERM)
    clock.now_s += GRACE_S
    with pytest.raises(Interrupted) as raised:
        termination.overdue_status()
    assert raised.value.signal_number == signal.SIGTERM


def test_unread_output_gives_the_status_of_sigpipe_at_the_deadline() -> None:
    clock = Clock()
    termination = Termination(clock=clock)
    termination.request(signal.SIGPIPE)
    clock.now_s += GRACE_S
    assert termination.overdue_status() == 128 + signal.SIGPIPE


def test_second_request_changes_the_reason_and_not_the_deadline() -> None:
    clock = Clock()
    termination = Termination(clock=clock)
    termination.request(signal.SIGPIPE)
    clock.now_s += GRACE_S / 2
    termination.request(signal.SIGINT)
    assert (termination.reason, termination.deadline_s) == (signal.SIGINT, 100.0 + GRACE_S)
