"""Calls that are tried again: to a daemon that is still booting, for a lock held for a moment, to a busy loop device.

Levels do without tenacity: importing it takes 0.03 s at each, just where one waits for containerd, and memory for good.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import logging

T = TypeVar("T")
_Errors = type[Exception] | tuple[type[Exception], ...]


def retry(call: Callable[[], T], *, errors: _Errors, unless: _Errors = (), limit_s: float, pause_s: float) -> T:
    """Return the result of `call`, called again every `pause_s` seconds as long as it raises one of `errors`.

    Raises the last of them after `limit_s` seconds, and one that is also among `unless` at once.
    """
    deadline_s = time.monotonic() + limit_s
    log: logging.Logger | None = None
    while True:
        try:
            return call()
        except unless:
            raise
        except errors as error:
            if time.monotonic() >= deadline_s:
                raise
            if log is None:
                import logging

                log = logging.getLogger(__name__)
                log.debug("first attempt failed, trying again for %g s: %r", limit_s, error)
            else:
                log.debug("another attempt failed: %r", error)
        time.sleep(pause_s)


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
