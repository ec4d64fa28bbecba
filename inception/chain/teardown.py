"""End a chain from outside, in order or at once, and remove all that is left of it."""

from __future__ import annotations

import shutil
from contextlib import suppress
from http import HTTPStatus

import docker
from requests.exceptions import ConnectionError as SilentEngine
from requests.exceptions import ReadTimeout

from inception.chain.freezer import own_level_1, thaw, thawing_if_slow
from inception.chain.remote.start import await_mirror_end
from inception.chain.status import is_here
from inception.engine.translate import translated
from inception.level.containers import stop_timeout_s
from inception.plan.chain import LABEL_CHAIN, ChainPlan
from inception.plan.protocol import SIGNAL_UNWIND

_REMOVAL_LIMIT_S = 30
"""Seconds for the level-0 engine to remove a container whose processes have ended."""


def take_down(client: docker.APIClient, plan: ChainPlan) -> None:
    """Unwind the chain of `plan` from its bottom up, whatever its state, and kick it if that takes too long.

    Raises EngineError.
    """
    with translated(f"ending chain {plan.name}"), suppress(docker.errors.NotFound):
        if (container := own_level_1(client, plan)) is not None:
            thaw(client, plan)
            try:
                client.kill(container, SIGNAL_UNWIND.name)
            except docker.errors.APIError as error:
                if error.status_code != HTTPStatus.CONFLICT:  # It does not run.
                    raise
            else:
                _wait_until_removed(client, container, stop_timeout_s(plan, 1))
    remove_at_once(client, plan)


def remove_at_once(client: docker.APIClient, plan: ChainPlan) -> None:
    """Kill the chain of `plan` and remove its container, volume and run directory. Raises EngineError.

    Killing level 1's PID namespace kills every process below, and its volume holds all that they wrote.
    """
    kick(client, plan)
    if plan.restored:
        remove_data_volume(client, plan)
    await_mirror_end(plan)
    if is_here(plan):  # The plan of a chain that runs may have been written by one of its levels.
        shutil.rmtree(plan.run_directory, ignore_errors=True)


def remove_data_volume(client: docker.APIClient, plan: ChainPlan) -> None:
    """Remove the volume of level 1 of a chain that was stopped before, unless it is stopped again. Raises EngineError.

    It has a name, and so stays when level 1 is removed.
    """
    if plan.data_volume is None:
        return
    with translated(f"removing the data of chain {plan.name}"), suppress(docker.errors.NotFound):
        labels = client.inspect_volume(plan.data_volume)["Labels"] or {}
        if labels.get(LABEL_CHAIN) != plan.name:  # A level can write the plan.
            return
        try:
            client.remove_volume(plan.data_volume)
        except docker.errors.APIError as error:
            if error.status_code != HTTPStatus.CONFLICT:  # The container that keeps it has it.
                raise


def kick(client: docker.APIClient, plan: ChainPlan) -> None:
    """Kill level 1, and with it every level below; return when its container is removed. Raises EngineError."""
    with translated(f"kicking chain {plan.name}"), suppress(docker.errors.NotFound):
        if (container := own_level_1(client, plan)) is not None:
            thaw(client, plan)
            with thawing_if_slow(client, plan, container):
                _remove_now(client, container)


def _remove_now(client: docker.APIClient, container: str) -> None:
    try:
        client.remove_container(container, force=True, v=True)
    except docker.errors.APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:
            raise
        _wait_until_removed(client, container, _REMOVAL_LIMIT_S)  # Its removal is in progress.


def _wait_until_removed(client: docker.APIClient, container: str, limit_s: int) -> None:
    # urllib3 raises a time-out in the middle of an answer as a broken connection.
    with suppress(ReadTimeout, SilentEngine):
        client.wait(container, condition="removed", timeout=limit_s)
