"""Answers of the Kubernetes client: as plain values, and its exceptions as those of `errors`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from inception.engine.translate import one_line
from inception.errors import EngineError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

ANSWER_S = 30.0
"""Time that the cluster has for an answer."""


@contextmanager
def answered(what: str) -> Iterator[None]:
    """Translate the Kubernetes client's exceptions inside the block to EngineError; `what` begins the message."""
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        raise EngineError(f"{what}: {_reason(error.body) or error.reason}") from error
    except HTTPError as error:
        raise EngineError(
            f"{what}: the cluster does not answer ({one_line(error)})", remedy="look at kubectl cluster-info"
        ) from error


def plain(api: ApiClient, answer: object) -> dict[str, Any]:
    """Return an object of the client as the API has it, with the API's own names; what is not set is not there."""
    found: dict[str, Any] = api.sanitize_for_serialization(answer)  # type: ignore[no-untyped-call]
    return found


def items(api: ApiClient, answer: object) -> list[dict[str, Any]]:
    """Return the objects of a list, as `plain` does."""
    found: list[dict[str, Any]] = plain(api, answer)["items"]
    return found


def _reason(body: str | bytes | None) -> str:
    """Return the message of a Status, as the API server refuses a request."""
    try:
        return one_line(json.loads(body or "")["message"])
    except (ValueError, KeyError, TypeError):
        return ""
