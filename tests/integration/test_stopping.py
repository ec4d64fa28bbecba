"""A chain that is stopped and started: its data and its containers are back, also after level 0 was restarted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from inception import attach
from inception.chain.stopped.records import record_of
from inception.engine.connect import Engine, EngineChoice, connect
from inception.engine.private.layout import EngineDirectory
from tests.integration.conftest import RunInception, wait_for
from tests.integration.container_output import output_of_container
from tests.integration.own_engine import own_private_engine, wait_until_ended

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("unchanged_host", "own_run_root", "home")]

NAME = "dream"
LIMIT_S = 60
POLICIES = ("always", "unless-stopped", "no")
GREETING = "echo hello >>/data/file; exec sleep 1000"


@pytest.fixture(scope="module")
def private(engine: Engine, level_image: str) -> Iterator[EngineDirectory]:
    """Give a private engine of this module's own: it ends with the last chain that runs on it."""
    with own_private_engine(engine, level_image) as directory:
        yield directory


@pytest.fixture
def home(
    private: EngineDirectory, inception_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[EngineDirectory]:
    """Name the private engine's directory to the programs that a test starts; nothing but seeds is left in it."""
    inception_environment["INCEPTION_STATE_DIR"] = str(private.root.parent)
    monkeypatch.setenv("INCEPTION_STATE_DIR", str(private.root.parent))
    yield private
    with connect(EngineChoice.PRIVATE, on_message=print) as own:
        assert own.client.containers(all=True) == []
        volumes = [it["Name"] for it in own.client.volumes()["Volumes"] or ()]
        assert [name for name in volumes if not name.startswith("inception-seed-")] == []
    wait_until_ended(private)
    assert not record_of(NAME).exists()


def _up(run: RunInception, depth: int, *options: str) -> None:
    done = run("up", "--engine", "private", "--depth", str(depth), "--name", NAME, *options)
    assert done.returncode == 0, done.stderr


def _done(run: RunInception, *words: str) -> str:
    done = run(*words)
    assert done.returncode == 0, done.stderr
    return done.stderr.decode()


def _refused(run: RunInception, *words: str) -> str:
    done = run(*words)
    assert done.returncode in {2, 125}
    (line,) = done.stderr.decode().splitlines()
    return line


def _listed(run: RunInception) -> dict[str, Any]:
    (chain,) = json.loads(run("ls", "--json").stdout)
    assert isinstance(chain, dict)
    return chain


def _fill(level: docker.DockerClient, image: str) -> None:
    """Start containers with each policy, one of which writes a line into a volume each time that it starts."""
    data = {"data": {"bind": "/data", "mode": "rw"}}
    for policy in POLICIES:
        restart: Any = {"Name": policy}
        level.containers.run(
            image,
            ["sh", "-c", GREETING if policy == "always" else "exec sleep 1000"],
            name=policy,
            init=True,
            detach=True,
            volumes=data,
            restart_policy=restart,
        )
    level.networks.create("net")


def _check_filled(level: docker.DockerClient, image: str, lines: int) -> None:
    def states() -> dict[str, str]:
        return {name: level.containers.get(name).status for name in POLICIES}

    expected = {"always": "running", "unless-stopped": "running", "no": "exited"}
    wait_for(lambda: states() == expected, LIMIT_S, f"containers are not back: {states()}")
    data = {"data": {"bind": "/data", "mode": "ro"}}
    content = output_of_container(level, image, ["cat", "/data/file"], volumes=data)
    assert content == b"hello\n" * lines
    assert [it.name for it in level.networks.list(names=["net"])] == ["net"]


@pytest.mark.parametrize(
    "options",
    [("--image-store", "overlay2"), ("--image-store", "containerd"), ("--storage", "loopback", "--restart-engines")],
    ids=["overlay2", "containerd", "loopback and restart-engines"],
)
def test_a_chain_is_back_with_its_data_after_level_0_was_restarted(
    run_inception: RunInception, home: EngineDirectory, own_run_root: Path, options: tuple[str, ...]
) -> None:
    _up(run_inception, 3, *options)
    try:
        with attach(NAME) as levels:
            image = levels.image
            for number in (1, 3):
                _fill(levels[number], image)
        assert "dream: stopped; inception start dream starts it again" in _done(run_inception, "stop", NAME)
        wait_until_ended(home)
        assert list(own_run_root.iterdir()) == []
        assert _listed(run_inception)["condition"] == "stopped"

        _done(run_inception, "start", NAME)
        assert _listed(run_inception)["condition"] == "running"
        with attach(NAME) as levels:
            for number in (1, 3):
                _check_filled(levels[number], image, 2)
        # It is a chain like any other: it grows, and stops again.
        _done(run_inception, "grow", NAME)
        with attach(NAME) as levels:
            _fill(levels[4], image)
        _done(run_inception, "stop")
        wait_until_ended(home)
        _done(run_inception, "start")
        with attach(NAME) as levels:
            for number, lines in ((1, 3), (3, 3), (4, 2)):
                _check_filled(levels[number], image, lines)
    finally:
        _done(run_inception, "down", NAME)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1, 32])
def test_the_bottom_is_back_with_its_data_at_any_depth(
    run_inception: RunInception, home: EngineDirectory, own_run_root: Path, depth: int
) -> None:
    _up(run_inception, depth)
    try:
        with attach(NAME) as levels:
            image = levels.image
            _fill(levels[depth], image)
        _done(run_inception, "stop", NAME)
        wait_until_ended(home)
        assert list(own_run_root.iterdir()) == []
        _done(run_inception, "start", NAME)
        with attach(NAME) as levels:
            _check_filled(levels[depth], image, 2)
    finally:
        _done(run_inception, "down", NAME)


TREE = """\
name = "dream"
image-store = "{}"

[[levels]]
name = "host"

[[levels]]
name = "a"
parent = "host"
depth = 2

[[levels]]
name = "b"
parent = "host"
"""


@pytest.mark.parametrize("store", ["overlay2", "containerd"])
def test_all_branches_of_a_tree_are_back_with_their_data(
    run_inception: RunInception, home: EngineDirectory, own_run_root: Path, tmp_path: Path, store: str
) -> None:
    (tmp_path / "tree.toml").write_text(TREE.format(store))
    _done(run_inception, "up", "--engine", "private", "--spec", str(tmp_path / "tree.toml"))
    everywhere = (1, 2, 3, 4)
    try:
        with attach(NAME) as levels:
            image = levels.image
            for number in everywhere:
                _fill(levels[number], image)
        one = _refused(run_inception, "stop", "dream/a")
        assert "dream/a is a level, and this command is for a whole chain: leave the path out: dream" in one
        for lines in (2, 3):
            _done(run_inception, "stop", NAME)
            wait_until_ended(home)
            assert list(own_run_root.iterdir()) == []
            _done(run_inception, "start", NAME)
            assert _listed(run_inception)["condition"] == "running"
            assert [it["path"] for it in _listed(run_inception)["levels"]] == ["host", "host/a", "host/a/3", "host/b"]
            with attach(NAME) as levels:
                for number in everywhere:
                    _check_filled(levels[number], image, lines)
    finally:
        _done(run_inception, "down", NAME)


def test_a_stopped_chain_is_no_leftover_and_down_removes_all_of_it(run_inception: RunInception) -> None:
    _up(run_inception, 2)
    _done(run_inception, "stop", NAME)
    assert "nothing is left behind" in _done(run_inception, "prune", "--engine", "private", "--yes")
    stopped = "chain dream is stopped: start it with: inception start dream"
    for words in (("exec", NAME, "--", "true"), ("grow", NAME), ("stop", NAME), ("tree", NAME), ("pause", NAME)):
        assert stopped in _refused(run_inception, *words)
    taken = _refused(run_inception, "up", "--quiet", "--engine", "private", "--depth", "1", "--name", NAME)
    assert "a chain named dream is stopped: choose another --name, or use it: inception start dream" in taken
    assert "dream: unwound, nothing is left" in _done(run_inception, "down")
    assert run_inception("ls").stdout == b"no chains\n"
    assert "there is no chain named dream" in _refused(run_inception, "start", NAME)


def test_a_start_that_fails_keeps_the_data(run_inception: RunInception, tmp_path: Path) -> None:
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    there.mkdir()
    _up(run_inception, 2, "--mount", f"{there}:/there")
    try:
        with attach(NAME) as levels:
            image = levels.image
            _fill(levels[2], image)
        assert "chain dream is not stopped, but running" in _refused(run_inception, "start", NAME)
        _done(run_inception, "stop", NAME)
        there.rename(elsewhere)
        assert f"{there}" in _refused(run_inception, "start", "--quiet", NAME)
        assert _listed(run_inception)["condition"] == "stopped"
        elsewhere.rename(there)
        _done(run_inception, "start", NAME)
        with attach(NAME) as levels:
            _check_filled(levels[2], image, 2)
    finally:
        _done(run_inception, "down", NAME)


def test_a_chain_in_memory_and_one_that_is_paused_are_not_stopped(run_inception: RunInception) -> None:
    _up(run_inception, 1, "--storage", "tmpfs")
    try:
        refused = _refused(run_inception, "stop", NAME)
        assert "chain dream has its data in memory (--storage tmpfs at level 1), and would lose them" in refused
        _done(run_inception, "pause", NAME)
        assert "chain dream is paused" in _refused(run_inception, "stop", NAME)
    finally:
        _done(run_inception, "down", NAME)
