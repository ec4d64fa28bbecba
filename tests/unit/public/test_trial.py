"""Test that what a suite made is removed after it, and nothing else."""

from __future__ import annotations

from unittest.mock import Mock

from tests.public.trial import _left_as_found


def client(*networks: dict[str, str]) -> Mock:
    holder = Mock()
    holder.containers.return_value = []
    holder.volumes.return_value = {"Volumes": None}
    holder.images.return_value = []
    holder.networks.side_effect = [[{"Id": "bridge", "Scope": "local"}], [*networks], [*networks]]
    return holder


def test_network_that_came_up_is_removed() -> None:
    engine = client({"Id": "bridge", "Scope": "local"}, {"Id": "made", "Scope": "local"})
    with _left_as_found(engine):
        engine.remove_network.assert_not_called()
    engine.remove_network.assert_called_once_with("made")


def test_network_of_a_swarm_that_was_left_goes_by_itself() -> None:
    engine = client({"Id": "bridge", "Scope": "local"}, {"Id": "ingress", "Scope": "swarm"})
    with _left_as_found(engine):
        pass
    engine.remove_network.assert_not_called()
