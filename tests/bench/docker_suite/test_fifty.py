"""Fifty small tests of a project that uses Docker; each needs an engine on which nothing runs and nothing lies."""

from __future__ import annotations

import docker

from tests.integration.tiny import TINY_IMAGE


def test_container_prints(engine: docker.DockerClient, turn: int) -> None:
    assert engine.containers.list(all=True) == []
    assert engine.containers.run(TINY_IMAGE, ["/bin/bash", "-c", f"echo {turn}"]) == f"{turn}\n".encode()


def test_volume_keeps_a_file(engine: docker.DockerClient, turn: int) -> None:
    assert engine.volumes.list() == []
    volumes = {"kept": {"bind": "/kept", "mode": "rw"}}
    engine.containers.run(TINY_IMAGE, ["/bin/bash", "-c", f"echo {turn} >/kept/file"], volumes=volumes)
    assert engine.containers.run(TINY_IMAGE, ["/bin/cat", "/kept/file"], volumes=volumes) == f"{turn}\n".encode()


def test_network_has_its_containers(engine: docker.DockerClient, turn: int) -> None:
    assert {it.name for it in engine.networks.list()} == {"bridge", "host", "none"}
    network = engine.networks.create(f"lan-{turn}")
    started = engine.containers.run(TINY_IMAGE, ["/bin/sleep", "60"], network=network.name, detach=True)
    network.reload()
    assert [it.id for it in network.containers] == [started.id]


def test_command_runs_in_a_container(engine: docker.DockerClient, turn: int) -> None:
    assert engine.containers.list(all=True) == []
    started = engine.containers.run(TINY_IMAGE, ["/bin/sleep", "60"], name="server", detach=True)
    assert started.exec_run(["/bin/bash", "-c", f"exit {turn}"]).exit_code == turn


def test_container_becomes_an_image(engine: docker.DockerClient, turn: int) -> None:
    assert engine.images.list("made") == []
    ended = engine.containers.create(TINY_IMAGE, ["/bin/cat"])
    made = ended.commit("made", str(turn))
    assert [it.id for it in engine.images.list("made")] == [made.id]
