"""The pytest plugin in a project of its own: pytest runs there as a user would run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host")]

LIMIT_S = 120
CLEAN = """
import docker, pytest
from testcontainers.core.container import DockerContainer

FOUND = []

@pytest.fixture(scope="session")
def kept(inception_session_engine):
    engine = inception_session_engine
    engine.client.images.get(engine.image).tag("kept:1")
    return "kept:1"

def look(client):
    return (
        sorted(it.name for it in client.containers.list(all=True)),
        sorted(it.name for it in client.networks.list()),
        sorted(it.name for it in client.volumes.list()),
        sorted(tag for it in client.images.list() for tag in it.tags),
    )

@pytest.mark.parametrize("turn", range(2))
def test_each_test_finds_the_same(turn, kept, inception_engine):
    client = inception_engine.client
    FOUND.append(look(client))
    assert FOUND[turn] == FOUND[0]
    assert kept in FOUND[0][3]
    client.containers.run(kept, ["tini", "sleep", "60"], detach=True, name="left", volumes=["named:/v", "/anonymous"])
    client.containers.get("left").commit("made", "1")
    client.networks.create("lan")
    client.images.get(kept).tag("other:1")
    assert look(client) != FOUND[0]

@pytest.mark.inception(depth=2)
@pytest.mark.parametrize("turn", range(2))
def test_a_marker_sets_the_depth(turn, inception_chain):
    assert len(inception_chain) == 2
    for level in (1, 2):
        inception_chain[level].volumes.create("once", labels={"turn": str(turn)})
        assert [it.name for it in inception_chain[level].volumes.list() if it.name == "once"]
        assert inception_chain[level].volumes.get("once").attrs["Labels"] == {"turn": str(turn)}

@pytest.mark.usefixtures("inception_docker_host")
def test_testcontainers_uses_the_engine(kept, inception_engine):
    with DockerContainer(kept).with_command("sh -c 'hostname; sleep 60'").with_kwargs(hostname="inside") as container:
        assert [it.id for it in inception_engine.client.containers.list()] == [container.get_wrapped_container().id]
        assert container.exec("hostname").output == b"inside\\n"

def test_an_engine_loses_its_image(inception_engine):
    inception_engine.client.images.remove(inception_engine.image, force=True)

def test_the_next_test_has_another_engine(inception_engine):
    said = inception_engine.client.containers.run(inception_engine.image, ["sh", "-c", "echo here; sleep 0.3"])
    assert said == b"here\\n"
"""
SPREAD = """
import time, pytest

@pytest.mark.parametrize("turn", range(4))
def test_workers_have_engines_of_their_own(turn, inception_engine, tmp_path_factory):
    client = inception_engine.client
    client.containers.run(inception_engine.image, ["sleep", "60"], detach=True, name="same")
    time.sleep(0.5)
    assert [it.name for it in client.containers.list(all=True)] == ["same"]
    (tmp_path_factory.getbasetemp().parent / client.info()["Name"]).touch()
"""


def run_project(directory: Path, tests: str, *options: str) -> str:
    """Run the tests of a project in a process of their own; return what pytest prints."""
    (directory / "pytest.ini").write_text("[pytest]\naddopts = -q -p no:cacheprovider --strict-markers\n")
    (directory / "test_project.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=LIMIT_S, cwd=directory, env=environment
    )
    return done.stdout + done.stderr


def test_each_test_has_a_clean_engine(tmp_path: Path) -> None:
    output = run_project(tmp_path, CLEAN)
    assert re.search(r"^7 passed, .*1 error in", output, re.MULTILINE), output
    assert "NotRestored: images that were there are gone" in output


def test_each_worker_of_xdist_has_a_chain(tmp_path: Path) -> None:
    output = run_project(tmp_path, SPREAD, "-n", "2", f"--basetemp={tmp_path / 'base'}")
    assert re.search(r"^4 passed", output, re.MULTILINE), output
    engines = [it.name for it in (tmp_path / "base").iterdir() if it.is_file()]
    assert len(engines) == 2, engines
