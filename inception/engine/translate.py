"""The one boundary where what the Docker SDK raises becomes an error of ours.

The SDK lets more through than its own exceptions: `wait` raises requests' time-outs, a hijacked stream urllib3's and
http.client's errors, a socket plain OSErrors, and ssh:// what paramiko raises.
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
_SDK_PACKAGES = frozenset({"docker", "requests", "urllib3", "http", "json", "paramiko"})
_SILENCE = (
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
"""How far the chain of causes is followed: an exception can, by mistake, be its own."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise what the SDK raises inside as EngineError, or EngineUnreachable where nothing answers.

    `what` says what is being done, as in "creating level 1"; it begins the message.
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
    """The error of ours that stands for the SDK's `error`, or None if it is not one of the SDK's."""
    if isinstance(error, InceptionError) or not _is_from_sdk(error):
        return None
    real = _unwrapped(error)
    if isinstance(real, _SILENCE):
        return EngineUnreachable(f"{what}: the engine does not answer ({reason(real)})")
    return EngineError(f"{what}: {reason(real)}")


def reason(error: BaseException) -> str:
    """Why `error` happened, in one line, without the SDK's wrapping."""
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
    """Whether `error` happened because we may not use the engine's socket."""
    return any(isinstance(cause, PermissionError) for cause in _causes(error))


def one_line(text: object) -> str:
    """`text` (an engine may say bytes, or several lines) on one line."""
    return " ".join((text.decode(errors="replace") if isinstance(text, bytes) else str(text)).split())


def _is_from_sdk(error: Exception) -> bool:
    # By package, as not all have a base in common, and paramiko is there only for those who use ssh://.
    packages = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return isinstance(error, OSError) or not packages.isdisjoint(_SDK_PACKAGES)


def _unwrapped(error: BaseException) -> BaseException:
    """A client that asks for the version itself wraps whatever keeps it from that in a bare DockerException."""
    return error.__cause__ if type(error) is DockerException and error.__cause__ is not None else error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it wraps: requests and urllib3 put the cause in `args` or `reason`, not in `__cause__`."""
    current: BaseException | None = error
    for _ in range(_DEEPEST_CAUSE):
        if current is None:
            return
        yield current
        wrapped = (getattr(current, "reason", None), *reversed(current.args), current.__cause__, current.__context__)
        current = next((cause for cause in wrapped if isinstance(cause, BaseException)), None)
