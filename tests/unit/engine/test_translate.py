from __future__ import annotations

import http.client
import inspect
import json
import socket
from types import ModuleType

import docker.errors
import pytest
import requests
import urllib3

from inception.engine.translate import is_denied, reason, translate, translated
from inception.errors import EngineError, EngineUnreachable, UsageError

SDK = (docker.errors, requests.exceptions, urllib3.exceptions, http.client)
PACKAGES = {"docker", "requests", "urllib3", "http", "json"}


def errors_of(module: ModuleType) -> set[type[Exception]]:
    """All exceptions that a module of the SDK has, but for warnings, which nobody raises, and what it only mentions."""
    kinds = (kind for _, kind in inspect.getmembers(module, inspect.isclass))
    return {
        kind
        for kind in kinds
        if issubclass(kind, Exception)
        and not issubclass(kind, Warning)
        and kind.__module__.partition(".")[0] in PACKAGES
    }


SDK_ERRORS = sorted(set().union(*map(errors_of, SDK)), key=str)


def bare(kind: type[Exception]) -> Exception:
    """An instance of `kind`, whatever its constructor asks for: with all that its text may be made from."""
    error = kind.__new__(kind)
    error.args = ("it broke",)
    partial = b"" if kind is http.client.IncompleteRead else 0
    fields = {"msg": "it broke", "name": "it", "param": "it", "partial": partial, "expected": 1, "length": 1}
    for name, value in {**fields, "reason": None, "response": None, "explanation": None}.items():
        if not hasattr(error, name):
            setattr(error, name, value)
    return error


@pytest.mark.parametrize("kind", SDK_ERRORS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_no_error_of_the_sdk_is_missed(kind: type[Exception]) -> None:
    translation = translate("asking", bare(kind))
    assert isinstance(translation, EngineError)
    assert translation.message.startswith("asking: ")
    assert "\n" not in translation.message


def test_there_are_errors_to_walk_over() -> None:
    assert {docker.errors.NotFound, requests.exceptions.ReadTimeout} <= set(SDK_ERRORS)


@pytest.mark.parametrize(
    "silence",
    [
        requests.exceptions.ConnectionError("refused"),
        requests.exceptions.ReadTimeout("slow"),
        urllib3.exceptions.ProtocolError("cut"),
        http.client.RemoteDisconnected("gone"),
        ConnectionResetError(104, "Connection reset by peer"),
        BrokenPipeError(32, "Broken pipe"),
        TimeoutError("timed out"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_engine_that_does_not_answer_is_unreachable(silence: Exception) -> None:
    assert type(translate("asking", silence)) is EngineUnreachable


def test_an_engine_that_refuses_is_not_unreachable() -> None:
    assert type(translate("asking", docker.errors.NotFound("no", explanation="No such image: x"))) is EngineError


@pytest.mark.parametrize("error", [UsageError("ours"), KeyError("a mistake"), AssertionError("a mistake")])
def test_errors_of_other_packages_are_not_translated(error: Exception) -> None:
    assert translate("asking", error) is None
    with pytest.raises(type(error)) as caught, translated("asking"):
        raise error
    assert caught.value is error


def test_the_cause_is_kept() -> None:
    cause = docker.errors.APIError("no", explanation="name is taken")
    with pytest.raises(EngineError) as caught, translated("creating level 1"):
        raise cause
    assert caught.value.__cause__ is cause
    assert str(caught.value) == "creating level 1: name is taken"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (docker.errors.APIError("x", explanation="first\n  second"), "first second"),
        (requests.exceptions.ReadTimeout("UnixHTTPConnectionPool(...): Read timed out. (read timeout=5)"), "timed out"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (ValueError(), "ValueError"),
    ],
)
def test_reasons_are_one_short_line(error: Exception, expected: str) -> None:
    assert reason(error) == expected


def test_the_reason_is_found_inside_errors_of_requests() -> None:
    inner = urllib3.exceptions.ProtocolError("Connection aborted.", FileNotFoundError(2, "No such file or directory"))
    error = docker.errors.DockerException("Error while fetching server API version")
    error.__cause__ = requests.exceptions.ConnectionError(inner)
    assert reason(error) == "No such file or directory"
    assert type(translate("asking", error)) is EngineUnreachable


def test_an_error_that_is_its_own_cause_has_a_reason() -> None:
    error = requests.exceptions.ConnectionError("odd")
    error.__cause__ = error
    assert reason(error) == "odd"


def test_a_denied_socket_is_recognised_inside_other_errors() -> None:
    wrapped = EngineUnreachable("no engine")
    wrapped.__cause__ = ConnectionError(13, "Permission denied")
    assert not is_denied(wrapped)
    wrapped.__cause__.__cause__ = PermissionError(13, "Permission denied")
    assert is_denied(wrapped)


def test_invalid_json_of_an_engine_is_an_engine_error() -> None:
    with pytest.raises(EngineError), translated("asking"):
        json.loads("<html>")
