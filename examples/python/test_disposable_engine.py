"""Tests that may do anything to their Docker engine, because it is theirs alone: see conftest.py."""

from __future__ import annotations

from inception import Levels


def test_volumes_survive_their_containers(disposable: Levels) -> None:
    mount = {"kept": {"bind": "/kept", "mode": "rw"}}
    run = disposable.bottom.containers.run
    run(disposable.image, ["sh", "-c", "echo here >/kept/file"], volumes=mount)
    assert run(disposable.image, ["cat", "/kept/file"], volumes=mount) == b"here\n"


def test_a_network_has_names(disposable: Levels) -> None:
    disposable.bottom.networks.create("lan")
    server = disposable.bottom.containers.run(
        disposable.image, ["sleep", "30"], name="server", network="lan", detach=True
    )
    found = disposable.bottom.containers.run(disposable.image, ["getent", "hosts", "server"], network="lan")
    server.remove(force=True)
    assert b"server" in found
