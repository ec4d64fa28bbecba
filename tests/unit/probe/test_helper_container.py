"""A helper container is removed on every way out, also when its client is interrupted while it asks for it."""

from __future__ import annotations

import signal
from unittest.mock import Mock

import docker
import pytest

from inception.errors import Interrupted
from inception.probe import helper_container as helpers
from inception.probe.helper_container import helper_container

NOT_FOUND = docker.errors.NotFound("no such container")


def names(calls: list[tuple[tuple[str], object]]) -> set[str]:
    return {arguments[0] for arguments, _ in calls}


def test_it_is_removed_after_the_block() -> None:
    client = Mock(create_container=Mock(return_value={"Id": "c1"}))
    with helper_container(client, "image", ["true"]) as container:
        assert not client.remove_container.called
    assert container == "c1"
    client.remove_container.assert_called_once_with("c1", force=True, v=True)


def test_one_that_the_engine_creates_after_an_interruption_is_removed() -> None:
    client = Mock()
    client.create_container.side_effect = Interrupted(signal.SIGTERM)
    client.remove_container.side_effect = [NOT_FOUND, NOT_FOUND, None]
    with pytest.raises(Interrupted), helper_container(client, "image", ["true"]):
        pytest.fail("the block is not entered")
    assert client.remove_container.call_count == 3
    assert names(client.remove_container.call_args_list) == {client.create_container.call_args.kwargs["name"]}


def test_an_engine_that_creates_nothing_is_waited_for_a_moment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helpers, "_LATE_S", 0.05)
    client = Mock()
    client.create_container.side_effect = KeyboardInterrupt
    client.remove_container.side_effect = NOT_FOUND
    with pytest.raises(KeyboardInterrupt), helper_container(client, "image", ["true"]):
        pytest.fail("the block is not entered")


def test_a_refusal_is_raised_at_once() -> None:
    client = Mock()
    client.create_container.side_effect = docker.errors.APIError("no such image")
    client.remove_container.side_effect = NOT_FOUND
    with pytest.raises(docker.errors.APIError, match="no such image"), helper_container(client, "image", ["true"]):
        pytest.fail("the block is not entered")
    assert client.remove_container.call_count == 1
