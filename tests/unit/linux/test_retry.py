from __future__ import annotations

from collections.abc import Callable

import pytest

from inception.linux.retry import retry, wait_until


def _raising(*errors: Exception) -> tuple[Callable[[], str], list[Exception]]:
    """A call that raises each of `errors`, one a call, then returns; and those that it has not raised yet."""
    left = list(errors)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return call, left


def test_retry_calls_again_until_nothing_is_raised() -> None:
    call, _ = _raising(OSError(), OSError(), OSError())
    assert retry(call, errors=OSError, limit_s=5, pause_s=0.001) == "done"


def test_retry_raises_the_last_error_when_the_time_is_up() -> None:
    call, _ = _raising(*(OSError(number) for number in range(1000)))
    with pytest.raises(OSError):  # noqa: PT011 - whichever it came to
        retry(call, errors=OSError, limit_s=0.02, pause_s=0.001)


def test_retry_without_time_calls_once() -> None:
    call, left = _raising(OSError(), OSError())
    with pytest.raises(OSError):  # noqa: PT011 - the only one
        retry(call, errors=OSError, limit_s=0, pause_s=0.001)
    assert len(left) == 1


@pytest.mark.parametrize("before", [[], [OSError()]])
def test_retry_raises_an_excepted_error_at_once(before: list[Exception]) -> None:
    call, left = _raising(*before, FileNotFoundError(), OSError())
    with pytest.raises(FileNotFoundError):
        retry(call, errors=OSError, unless=FileNotFoundError, limit_s=5, pause_s=0.001)
    assert len(left) == 1


def test_wait_until_returns_whether_the_condition_came_to_hold() -> None:
    answers = iter([False, False, True])
    assert wait_until(lambda: next(answers), limit_s=5, pause_s=0.001)
    assert not wait_until(lambda: False, limit_s=0.02, pause_s=0.001)
