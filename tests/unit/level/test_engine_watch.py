from __future__ import annotations

from inception.level.engine_watch import MAX_RESTARTS, RESTART_WINDOW_S, Restarts


def test_restarts_are_limited_within_their_window() -> None:
    now_s = 100.0
    restarts = Restarts(lambda: now_s)
    assert [restarts.take_one() for _ in range(MAX_RESTARTS + 1)] == [True] * MAX_RESTARTS + [False]
    now_s += RESTART_WINDOW_S - 1
    assert not restarts.take_one()


def test_restarts_before_the_window_do_not_count() -> None:
    now_s = 100.0
    restarts = Restarts(lambda: now_s)
    for _ in range(3 * MAX_RESTARTS):
        assert restarts.take_one()
        now_s += RESTART_WINDOW_S / MAX_RESTARTS
