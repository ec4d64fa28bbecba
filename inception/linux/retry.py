"""What has to be tried again: a daemon that is still booting, a lock that somebody looks at, a busy loop device.

Importing tenacity takes 0.03 s, and most calls succeed at once: so it comes with the first that does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def retry(
    call: Callable[[], T], *, errors: type[Exception] | tuple[type[Exception], ...], limit_s: float, pause_s: float
) -> T:
    """What `call` returns, called again every `pause_s` seconds as long as it raises one of `errors`.

    Raises the last of them after `limit_s` seconds.
    """
    try:
        return call()
    except errors as error:
        import logging

        from tenacity import Retrying, before_sleep_log, retry_if_exception_type, stop_after_delay, wait_fixed

        log = logging.getLogger(__name__)
        log.debug("first attempt failed, trying again for %g s: %r", limit_s, error)
        attempts = Retrying(
            retry=retry_if_exception_type(errors),
            stop=stop_after_delay(limit_s),
            wait=wait_fixed(pause_s),
            before_sleep=before_sleep_log(log, logging.DEBUG),
            reraise=True,
        )
        return attempts(call)
