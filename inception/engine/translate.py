"""Translate the exceptions of the Docker SDK into those of `errors`, at this one boundary.

The SDK raises more than its own exceptions: `wait` raises requests' time-outs, a hijacked stream urllib3's and
http.client's errors, a socket plain OSErrors.
"""

from __future__ import annotations

import http.client
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import requests
import urllib3
from docker.errors import APIError, DockerException

from inception.errors import EngineError, EngineUnreachable, InceptionError

_log = logging.getLogger(__name__)
_SDK_PACKAGES = frozenset({"docker", "requests", "urllib3", "http", "json"})
_NO_ANSWER = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.TimeoutError,
    urllib3.exceptions.ProtocolError,
    http.client.RemoteDisconnected,
    ConnectionError,
    TimeoutError,
)
_TIME_OUTS = (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
_DEEPEST_CAUSE = 8
"""Length at which a chain of causes is cut off: an exception can, by mistake, be its own cause."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Translate the SDK's exceptions inside the block to EngineError, or EngineUnreachable if nothing answers.

    `what` names the action, as in "creating level 1"; it begins the message.
    """
    try:
        yield
    except Exception as error:
        _log.debug("%s: %r", what, error)
        translation = translate(what, error)
        if translation is None:
            raise
        raise translation from error


def translate(what: str, error: Exception) -> EngineError | None:
    """Return the EngineError for the SDK's `error`, or None if it is not one of the SDK's."""
    if isinstance(error, InceptionError) or not _is_from_sdk(error):
        return None
    real = _unwrapped(error)
    if isinstance(real, _NO_ANSWER):
        return EngineUnreachable(f"{what}: the engine does not answer ({reason(real)})")
    return EngineError(f"{what}: {reason(real)}")


def reason(error: BaseException) -> str:
    """Return the reason of `error` in one line, without the SDK's wrapping."""
    error = _unwrapped(error)
    if isinstance(error, APIError) and error.explanation:
        return one_line(error.explanation)
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            return one_line(cause.strerror)
    if isinstance(error, _TIME_OUTS):
        return "timed out"
    return one_line(str(error)) or type(error).__name__


def is_denied(error: BaseException) -> bool:
    """Return whether `error` comes from a socket that this user may not use."""
    return any(isinstance(cause, PermissionError) for cause in _causes(error))


def one_line(text: object) -> str:
    """Return `text`, which may be bytes or several lines, in one line."""
    return " ".join((text.decode(errors="replace") if isinstance(text, bytes) else str(text)).split())


def _is_from_sdk(error: Exception) -> bool:
    # By package: they have no common base class.
    packages = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return isinstance(error, OSError) or not packages.isdisjoint(_SDK_PACKAGES)


def _unwrapped(error: BaseException) -> BaseException:
    """Return the cause of a bare DockerException, in which the SDK wraps an error of its version request."""
    return error.__cause__ if type(error) is DockerException and error.__cause__ is not None else error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and its causes: requests and urllib3 put theirs in `args` or `reason`, not in `__cause__`."""
    current: BaseException | None = error
    for _ in range(_DEEPEST_CAUSE):
        if current is None:
            return
        yield current
        wrapped = (getattr(current, "reason", None), *reversed(current.args), current.__cause__, current.__context__)
        current = next((cause for cause in wrapped if isinstance(cause, BaseException)), None)
