"""Nest engines in a tree: a CI host with runners, each with its engine, and what is left when a branch dies."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inception import attach
from inception.chain.prepare import prepare
from inception.chain.status import ChainState, LevelState, find_chain
from inception.engine.connect import Engine
from inception.image.store import remove_image
from inception.places import run_root
from inception.plan.request import Request, parse_level_store
from tests.integration.conftest import RunInception, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("own_run_root")]

LABELS = ("a", "b", "c", "d")
HOST = '[[levels]]\nname = "host"\n'
BRANCH = '\n[[levels]]\nname = "{}"\nparent = "host"\ndepth = 3\n'
TREE = HOST + "".join(map(BRANCH.format, LABELS))
"""A level with 4 children, each with 2 levels below it: 13 levels, 4 deep."""
SIBLING = "inception-level-test:sibling"
BOTTOMS = (4, 7, 10, 13)


@pytest.fixture(params=["overlay2", "containerd"])
def store(request: pytest.FixtureRequest, engine: Engine, level_image: str) -> str:
    """Give an image store whose seed is there, so that making it is no change of the host."""
    name = str(request.param)
    wanted = (parse_level_store(name),)
    prepare(engine, Request(depth=1, name="warm-up", image=level_image, image_store=wanted), print)
    return name


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tree.toml"


def _check(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def _presence(name: str) -> list[LevelState]:
    return [it.state for it in find_chain(name).levels]


@pytest.mark.usefixtures("store", "unchanged_host")
def test_four_runners_three_levels_deep_serve_every_command_and_outlive_one_another(
    run_inception: RunInception, file: Path, store: str, tmp_path: Path
) -> None:
    file.write_text(f'name = "ci"\nimage-store = "{store}"\nforward = ["4=18090:80"]\n{TREE}')
    assert _check(run_inception("up", "--spec", str(file))) == "ci\n"
    _check_commands(run_inception, tmp_path)
    with attach("ci") as levels, ThreadPoolExecutor() as threads:
        command = ["sh", "-c", "echo here"]
        runs = [
            threads.submit(levels[it].containers.run, levels.image_at(it), command, remove=True, network_mode="none")
            for it in BOTTOMS
        ]
        assert [it.result() for it in runs] == [b"here\n"] * 4
        assert [levels[it].info()["Driver"] for it in (1, *BOTTOMS)] == [_driver(store)] * 5
    again = tmp_path / "again.toml"
    again.write_text(_check(run_inception("spec", "ci")))
    planned = json.loads(_check(run_inception("plan", "--spec", str(again), "--json")))
    assert [(it["parent"], it["label"]) for it in planned["levels"]] == [
        (it.parent, it.label) for it in find_chain("ci").plan.levels
    ]
    _kill_a_branch(run_inception)
    _check(run_inception("down", "ci"))
    assert not list(run_root().iterdir())


def _driver(store: str) -> str:
    return "overlayfs" if store == "containerd" else store


def _check_commands(run_inception: RunInception, tmp_path: Path) -> None:
    tree = _check(run_inception("tree", "ci")).splitlines()
    assert tree[1].startswith("└─ 1 host  ready")
    assert tree[2].startswith("   ├─ 2 a  ready")
    assert tree[3].startswith("   │  └─ 3  ready")
    assert tree[-3].startswith("   └─ 11 d  ready")
    assert tree[-1].startswith("         └─ 13  ready")
    (listed,) = json.loads(_check(run_inception("ls", "--json")))
    assert [it["above"] for it in listed["levels"]] == [0, 1, 2, 3, 1, 5, 6, 1, 8, 9, 1, 11, 12]
    assert "4, 13 levels" in _check(run_inception("ls"))
    for path, host in (("ci/a", 2), ("ci/host/b", 5), ("ci/1/b/7", 7), ("ci/d/13", 13)):
        assert _check(run_inception("exec", path, "--", "hostname")) == f"ci-{host}\n"
    note = tmp_path / "note"
    note.write_text("from the host")
    _check(run_inception("cp", str(note), "ci/c/10:/run/note"))
    assert _check(run_inception("exec", "ci/c", "--level", "10", "--", "cat", "/run/note")) == "from the host"
    assert json.loads(_check(run_inception("env", "ci/b/7", "--json")))["DOCKER_HOST"].endswith("/7/docker.sock")
    assert all(line.startswith("7 ") for line in _check(run_inception("logs", "ci/b/7")).splitlines())
    assert "to 80 in level 8" in _check(run_inception("forward", "ci/c", "18091:80"))
    several = run_inception("exec", "ci", "--", "hostname")
    assert several.returncode == 2
    assert b"chain ci has 4 bottoms: name a level, such as ci/4, ci/7, ci/10, ci/13" in several.stderr
    unknown = run_inception("exec", "ci/a/5", "--", "hostname")
    assert b"chain ci has no level 5 below level 2" in unknown.stderr
    for command in (("grow", "ci"), ("shrink", "ci")):
        assert b"chain ci is a tree, which neither grows nor shrinks" in run_inception(*command).stderr


def _kill_a_branch(run_inception: RunInception) -> None:
    """Kill the runner of branch b at once: its levels end, the other three branches go on."""
    with attach("ci") as levels:
        levels[1].api.kill("inception-ci-5")
    wait_for(lambda: find_chain("ci").state is ChainState.BROKEN, 30, "the chain is not broken")
    lost = {5, 6, 7}
    wait_for(lambda: not any(it is LevelState.READY for it in _presence("ci")[4:7]), 30, "a level of the branch lives")
    assert [it is LevelState.READY for it in _presence("ci")] == [number not in lost for number in range(1, 14)]
    broken = find_chain("ci").broken
    assert broken is not None
    assert broken.level == 5
    for number in (2, 4, 10, 13):
        assert _check(run_inception("exec", f"ci/{number}", "--", "hostname")) == f"ci-{number}\n"


@pytest.mark.usefixtures("level_image", "unchanged_host")
def test_a_tree_with_a_level_that_cannot_start_leaves_nothing(run_inception: RunInception, file: Path) -> None:
    file.write_text(f'name = "half"\n{HOST}{BRANCH.format("a")}{BRANCH.format("b")}dockerd = "--no-such-option"\n')
    done = run_inception("up", "--spec", str(file))
    assert done.returncode == 125
    assert b"level 5 failed at dockerd" in done.stderr
    assert not list(run_root().iterdir())


@pytest.mark.usefixtures("unchanged_host")
def test_siblings_may_run_from_different_images(
    engine: Engine, level_image: str, run_inception: RunInception, file: Path
) -> None:
    client = engine.client
    container = client.create_container(image=level_image, command=["true"])["Id"]
    client.commit(container, repository="inception-level-test", tag="sibling", changes=["ENV SIBLING=1"])
    client.remove_container(container, force=True)
    file.write_text(f'name = "two"\n{HOST}{BRANCH.format("a")}{BRANCH.format("b")}image = "{SIBLING}"\n')
    volumes: set[str] = set()
    try:
        _check(run_inception("up", "--spec", str(file)))
        volumes = {it.volume for it in find_chain("two").plan.seeds if it.preloads}
        for path, found in (("two/a", "\n"), ("two/4", "\n"), ("two/b", "1\n"), ("two/7", "1\n")):
            assert _check(run_inception("exec", path, "--", "sh", "-c", 'echo "$SIBLING"')) == found
        assert "preload" not in _check(run_inception("tree", "two"))
        _check(run_inception("down", "two"))
    finally:
        remove_image(client, SIBLING)
        for volume in volumes:
            client.remove_volume(volume, force=True)


@pytest.mark.usefixtures("level_image", "unchanged_host")
def test_a_tree_is_kicked_at_once(run_inception: RunInception, file: Path) -> None:
    file.write_text(f'name = "kicked"\n{HOST}{BRANCH.format("a")}{BRANCH.format("b")}')
    _check(run_inception("up", "--spec", str(file)))
    _check(run_inception("kick", "kicked"))
    assert not list(run_root().iterdir())
