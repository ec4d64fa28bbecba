"""Calls that are tried again: to a daemon that is still booting, for a lock held for a moment, to a busy loop device.

Importing tenacity takes 0.03 s, and most calls succeed at once: so it is imported by the first that does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_Errors = type[Exception] | tuple[type[Exception], ...]


def retry(call: Callable[[], T], *, errors: _Errors, unless: _Errors = (), limit_s: float, pause_s: float) -> T:
    """Return the result of `call`, called again every `pause_s` seconds as long as it raises one of `errors`.

    Raises the last of them after `limit_s` seconds, and one that is also among `unless` at once.
    """
    begun_s = time.monotonic()
    try:
        return call()
    except unless:
        raise
    except errors as error:
        import logging

        from tenacity import Retrying, before_sleep_log, retry_if_exception, stop_after_delay, wait_fixed

        # The imports have taken their part of the time.
        if (left_s := begun_s + limit_s - time.monotonic()) <= 0:
            raise
        log = logging.getLogger(__name__)
        log.debug("first attempt failed, trying again for %g s: %r", limit_s, error)
        attempts = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, errors) and not isinstance(error, unless)),
            stop=stop_after_delay(left_s),
            wait=wait_fixed(pause_s),
            before_sleep=before_sleep_log(log, logging.DEBUG),
            reraise=True,
        )
        return attempts(call)


class _NotYetError(Exception):
    """The condition does not hold yet."""


def wait_until(condition: Callable[[], bool], *, limit_s: float, pause_s: float) -> bool:
    """Call `condition` every `pause_s` seconds until it holds; return whether it did within `limit_s` seconds."""

    def check() -> None:
        if not condition():
            raise _NotYetError

    try:
        retry(check, errors=_NotYetError, limit_s=limit_s, pause_s=pause_s)
    except _NotYetError:
        return False
    return True
