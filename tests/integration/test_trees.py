"""Nest engines in a tree: a CI host with runners, each with its engine, and what is left when a branch dies."""

from __future__ import annotations

import json
import socket
import subprocess
import tomllib
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from inception import attach, descend
from inception.chain.forwarding.records import forwards_of
from inception.chain.prepare import prepare
from inception.chain.running import running
from inception.chain.status import ChainState, LevelState, find_chain
from inception.engine.connect import Engine
from inception.image.store import remove_image
from inception.places import run_root
from inception.plan.events import Event, Phase, State
from inception.plan.request import Request, parse_level_store
from inception.plan.tree import Place
from inception.spec.keys import json_schema
from tests.integration.conftest import RunInception, wait_for
from tests.integration.container_output import lingering, output_of_container
from tests.integration.tiny import TINY_IMAGE, import_tiny_image

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
        run = partial(output_of_container, command=["echo", "here"], network_mode="none")
        runs = [threads.submit(run, levels[it], levels.image_at(it)) for it in BOTTOMS]
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
    _check_branches(run_inception)
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


def _check_branches(run_inception: RunInception) -> None:
    """Look at branch b alone: its levels are 5 to 7."""
    paths = ["host/b", "host/b/6", "host/b/7"]
    assert [it["path"] for it in json.loads(_check(run_inception("tree", "ci/b", "--json")))["levels"]] == paths
    drawn = _check(run_inception("tree", "ci/b")).splitlines()
    assert [line.partition("  ready")[0] for line in drawn[1:]] == ["└─ 5 b", "   └─ 6", "      └─ 7"]
    used = json.loads(_check(run_inception("top", "ci/b", "--json")))["levels"]
    assert [(it["level"], it["path"]) for it in used] == list(zip((5, 6, 7), paths, strict=True))
    assert all(it["memory"] and it["tasks"] for it in used)
    rows = _check(run_inception("top", "ci/host/b")).splitlines()
    assert [row.split("   ")[0] for row in rows] == ["LEVEL", "5 host/b", "6 host/b/6", "7 host/b/7"]
    lines = _check(run_inception("events", "ci/b", "--no-follow")).splitlines()
    assert {line.split("  ")[1] for line in lines} == {"level 5 host/b", "level 6 host/b/6", "level 7 host/b/7"}


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


@pytest.mark.usefixtures("unchanged_host")
def test_children_follow_their_parent_and_end_before_it_and_siblings_live_side_by_side(
    engine: Engine, level_image: str
) -> None:
    places = [Place(above=0, label="host")]
    for first, label in zip((2, 5, 8, 11), LABELS, strict=True):
        places += [Place(above=1, label=label), Place(above=first), Place(above=first + 1)]
    request = Request(depth=len(places), name="order", image=level_image, places=tuple(places))
    events: list[Event] = []
    plan = prepare(engine, request, print)
    with running(engine.client, plan, events.append):
        pass

    def times_s(phase: Phase, state: State) -> dict[int, float]:
        return {it.level: it.monotonic_s for it in events if (it.phase, it.state) == (phase, state)}

    created, ready = times_s(Phase.CREATE, State.BEGIN), times_s(Phase.READY, State.END)
    unwinding, unwound = times_s(Phase.UNWIND, State.BEGIN), times_s(Phase.UNWIND, State.END)
    everyone = set(range(1, 14))
    assert set(created) == set(ready) == set(unwinding) == set(unwound) == everyone
    shape = plan.shape
    for number in everyone:
        for child in shape.children(number):
            assert ready[number] < created[child] < ready[child]
            assert unwound[child] < unwound[number]  # Who begins does not matter: one that stood by has to start.
    siblings = shape.children(1)
    assert len(siblings) == len(LABELS)
    for begins, ends in ((created, ready), (unwinding, unwound)):
        in_order = pairwise(sorted(siblings, key=begins.__getitem__))
        assert any(begins[later] < ends[earlier] for earlier, later in in_order), "each waited for the one before"


@pytest.mark.usefixtures("level_image", "unchanged_host")
def test_python_starts_the_tree_of_a_file_with_its_ports(file: Path) -> None:
    branches = "".join(map(BRANCH.format, LABELS[:2]))
    file.write_text(f'name = "ci"\nforward = ["2=18092:80"]\n{HOST}{branches}')
    with descend(spec=file, name="python") as levels:
        assert levels.plan.name == "python"
        assert [it.label for it in levels.plan.levels] == ["host", "a", "", "", "b", "", ""]
        assert [levels[it].info()["Name"] for it in (1, 4, 7)] == ["python-1", "python-4", "python-7"]
        (forward,) = forwards_of(levels.plan)
        assert (forward.level, forward.port) == (2, 18092)  # type: ignore[union-attr]
        with socket.create_connection(("127.0.0.1", 18092)):
            pass
    assert not list(run_root().iterdir())


@pytest.mark.usefixtures("level_image", "unchanged_host")
def test_a_tree_with_a_level_that_cannot_start_leaves_nothing(run_inception: RunInception, file: Path) -> None:
    file.write_text(f'name = "half"\n{HOST}{BRANCH.format("a")}{BRANCH.format("b")}dockerd = "--no-such-option"\n')
    done = run_inception("up", "--spec", str(file))
    assert done.returncode == 125
    assert b"level 5 failed at dockerd" in done.stderr
    assert not list(run_root().iterdir())


@pytest.fixture
def sibling(engine: Engine, level_image: str, unchanged_host: None) -> Iterator[str]:
    """Give another level image for a test, with SIBLING in its environment."""
    del unchanged_host  # It compares once this image is removed again.
    client = engine.client
    container = client.create_container(image=level_image, command=["true"])["Id"]
    client.commit(container, repository="inception-level-test", tag="sibling", changes=["ENV SIBLING=1"])
    client.remove_container(container, force=True)
    yield SIBLING
    remove_image(client, SIBLING)


@pytest.mark.usefixtures("sibling")
def test_siblings_may_run_from_different_images(engine: Engine, run_inception: RunInception, file: Path) -> None:
    client = engine.client
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
        for volume in volumes:
            client.remove_volume(volume, force=True)


WHOLE = """\
name = "whole"
mount = ["given:/given:ro"]
preload = ["{tiny}"]
expose-host = [18093]

[[levels]]
name = "host"
forward = "18094:8000"

[[levels]]
name = "a"
parent = "host"
image = "{sibling}"
image-store = "overlay2"
memory = "2GB"

[[levels]]
name = "b"
parent = "host"
depth = 2
image-store = "containerd"
forward = "18095:8000"
"""


def test_a_file_of_a_tree_with_two_engines_has_all_that_one_works_with(
    engine: Engine, sibling: str, run_inception: RunInception, tmp_path: Path
) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "note").write_text("from here")
    file = tmp_path / "whole.toml"
    file.write_text(WHOLE.format(tiny=import_tiny(engine), sibling=sibling))
    Draft202012Validator(json_schema()).validate(tomllib.loads(file.read_text()))
    before = {it["Name"] for it in engine.client.volumes()["Volumes"] or ()}
    try:
        planned = json.loads(_check(run_inception("plan", "--spec", str(file), "--json")))
        assert [it["label"] for it in planned["levels"]] == ["host", "a", "b", ""]
        _check(run_inception("up", "--spec", str(file)))
        levels = json.loads(_check(run_inception("tree", "whole", "--json")))["levels"]
        assert [(it["path"], it["image_store"]) for it in levels[1:]] == [
            ("host/a", "overlay2"),
            ("host/b", "containerd"),
            ("host/b/4", "containerd"),
        ]
        assert levels[1]["image"] == sibling != levels[2]["image"]
        for path in ("whole/host", "whole/a", "whole/b", "whole/b/4"):
            assert _check(run_inception("exec", path, "--", "cat", "/given/note")) == "from here"
            run = ("docker", "run", "--rm", TINY_IMAGE, *lingering("bash", "-c", "echo $0", path))
            assert _check(run_inception("exec", path, "--", *run)) == f"{path}\n"
        (listed,) = json.loads(_check(run_inception("ls", "--json")))
        assert sorted((it["level"], it["port"]) for it in listed["forwards"] if "level" in it) == [
            (1, 18094),
            (4, 18095),
        ]
        serve = (
            "echo $INCEPTION_LEVEL >/run/index.html; cd /run; python3 -m http.server 8000 </dev/null >/dev/null 2>&1 &"
        )
        for path, port, level in (("whole/1", 18094, "1"), ("whole/4", 18095, "4")):
            _check(run_inception("exec", path, "--", "sh", "-c", serve))
            wait_for(partial(_serves, port, level), 30, f"level {level} is not behind port {port}")
        _check(run_inception("down", "whole"))
        assert not list(run_root().iterdir())
    finally:
        engine.client.remove_image(TINY_IMAGE)
        for volume in {it["Name"] for it in engine.client.volumes()["Volumes"] or ()} - before:
            engine.client.remove_volume(volume)


def import_tiny(engine: Engine) -> str:
    import_tiny_image(engine.client)
    return TINY_IMAGE


def _serves(port: int, level: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bool(answer.read() == f"{level}\n".encode())
    except OSError:
        return False


@pytest.mark.usefixtures("level_image", "unchanged_host")
def test_a_tree_is_kicked_at_once(run_inception: RunInception, file: Path) -> None:
    file.write_text(f'name = "kicked"\n{HOST}{BRANCH.format("a")}{BRANCH.format("b")}')
    _check(run_inception("up", "--spec", str(file)))
    _check(run_inception("kick", "kicked"))
    assert not list(run_root().iterdir())
