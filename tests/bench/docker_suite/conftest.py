"""Gives each of the fifty tests an empty engine with one small image, in one of three ways: `--way`."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from inception import descend
from inception.image.standalone import STANDALONE_TAG
from inception.level.engine.client import ENGINE_GONE, negotiate
from inception.pytest_plugin import CleanEngine
from tests.integration.tiny import import_tiny_image

WAYS = ("reset", "chain", "dind")
DIND = "inception-bench-dind"
# As the manual has them, for hosts that refuse --privileged.
DIND_OPTIONS = (
    *("--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--security-opt", "seccomp=unconfined"),
    *("--security-opt", "apparmor=unconfined", "--device-cgroup-rule", "a *:* rwm"),
)
LIMIT_S = 60
POLL_S = 0.02
DURATIONS = pytest.StashKey[dict[str, list[float]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--way", choices=WAYS, default="reset")
    parser.addoption("--turns", type=int, default=10, help="number of times that each test is run")
    parser.addoption("--durations-to", type=Path, help="file for the seconds of each setup, call and teardown")


def pytest_configure(config: pytest.Config) -> None:
    durations: dict[str, list[float]] = {"setup": [], "call": [], "teardown": []}
    config.stash[DURATIONS] = durations


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    item.config.stash[DURATIONS][str(call.when)].append(call.duration)


def pytest_unconfigure(config: pytest.Config) -> None:
    if file := config.getoption("--durations-to"):
        file.write_text(json.dumps(config.stash[DURATIONS]))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("turn", range(metafunc.config.getoption("--turns")))


@pytest.fixture(scope="session")
def tiny(inception_session_engine: CleanEngine) -> str:
    return import_tiny_image(inception_session_engine.client.api)


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[docker.DockerClient]:
    way = request.config.getoption("--way")
    if way == "reset":
        request.getfixturevalue("tiny")
        yield request.getfixturevalue("inception_engine").client
        return
    with new_chain() if way == "chain" else dind_by_hand(tmp_path) as client:
        import_tiny_image(client.api)
        yield client


@contextmanager
def new_chain() -> Iterator[docker.DockerClient]:
    with descend(depth=1) as levels:
        yield levels.bottom


@contextmanager
def dind_by_hand(directory: Path) -> Iterator[docker.DockerClient]:
    """An engine as one has it with docker:dind: `docker run`, poll until it answers, `docker rm`."""
    shared = ("--volume", f"{directory}:/shared", "--env", "DOCKER_DAEMON_ARGS=--host unix:///shared/docker.sock")
    run("docker", "run", "--detach", "--name", DIND, *DIND_OPTIONS, *shared, STANDALONE_TAG, "sleep", "infinity")
    try:
        client = wait_for_engine(f"unix://{directory}/docker.sock")
        yield client
        client.close()
    finally:
        run("docker", "rm", "--force", "--volumes", DIND)


def wait_for_engine(address: str) -> docker.DockerClient:
    deadline = time.monotonic() + LIMIT_S
    while True:
        # The SDK leaves a socket open where nobody listens, and here warnings are errors.
        try:
            version = negotiate(address, timeout_s=LIMIT_S)
        except ENGINE_GONE:
            assert time.monotonic() < deadline, f"no engine at {address}"
            time.sleep(POLL_S)
        else:
            return docker.DockerClient(base_url=address, version=version)


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
