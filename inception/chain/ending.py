"""The end of a chain, brought about from outside: in order, or at once. Afterwards nothing of it is left."""

from __future__ import annotations

import shutil
from contextlib import suppress
from http import HTTPStatus

import docker
from requests.exceptions import ConnectionError as SilentEngine
from requests.exceptions import ReadTimeout

from inception.engine.translate import translated
from inception.level.containers import stop_timeout_s
from inception.plan.chain import LABEL_CHAIN, ChainPlan

_REMOVAL_LIMIT_S = 30
"""Seconds for the level-0 engine to remove what is dead already."""


def take_down(client: docker.APIClient, plan: ChainPlan) -> None:
    """Unwind the chain of `plan` from its bottom up, whatever state it is in; one that takes too long is kicked.

    Raises EngineError.
    """
    container = plan.level(1).container
    with translated(f"ending chain {plan.name}"), suppress(docker.errors.NotFound):
        try:
            client.kill(container, "TERM")
        except docker.errors.APIError as error:
            if error.status_code != HTTPStatus.CONFLICT:  # It does not run.
                raise
        else:
            _wait_until_removed(client, container, stop_timeout_s(plan, 1))
    remove_at_once(client, plan)


def remove_at_once(client: docker.APIClient, plan: ChainPlan) -> None:
    """Kill the chain of `plan` and remove all that is left of it. Raises EngineError.

    Killing level 1's PID namespace kills every process below, and its volume holds all that they wrote.
    """
    kick(client, plan)
    with translated(f"removing what is left of chain {plan.name}"):
        for container in client.containers(all=True, filters={"label": f"{LABEL_CHAIN}={plan.name}"}):
            client.remove_container(container["Id"], force=True, v=True)
    shutil.rmtree(plan.run_directory, ignore_errors=True)


def kick(client: docker.APIClient, plan: ChainPlan) -> None:
    """Kill level 1, and with it every level below; returns when it is removed. Raises EngineError."""
    container = plan.level(1).container
    with translated(f"kicking chain {plan.name}"), suppress(docker.errors.NotFound):
        try:
            client.remove_container(container, force=True, v=True)
        except docker.errors.APIError as error:
            if error.status_code != HTTPStatus.CONFLICT:
                raise
            _wait_until_removed(client, container, _REMOVAL_LIMIT_S)  # Its removal is in progress.


def _wait_until_removed(client: docker.APIClient, container: str, limit_s: int) -> None:
    # urllib3 tells a time-out in the middle of an answer as a broken connection.
    with suppress(ReadTimeout, SilentEngine):
        client.wait(container, condition="removed", timeout=limit_s)
