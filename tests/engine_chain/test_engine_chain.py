"""Chains of Dockers of three Debian releases and both image stores: `make test-engine-chain`, some minutes.

It builds the images that it needs, and leaves them.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from inception import attach
from inception.chain.inputs.engines import read_level_engines
from inception.chain.prepare import prepare
from inception.engine.connect import Engine
from inception.plan.request import Request
from tests.integration.conftest import INCEPTION, RunInception
from tests.integration.container_output import output_of_container
from tests.integration.test_working_chain import HTTP, fetch
from tests.integration.tiny import TINY_IMAGE, import_tiny_image

LIMIT_S = 280
Engines = Mapping[str, Sequence[str]]
"""Options that choose the levels' engines, each with its values."""
pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.usefixtures("own_run_root"),
    pytest.mark.timeout(4 * LIMIT_S),
]

# A suite in development, or a mirror that is behind, has a Release file that is past its date.
OPTION = 'Acquire::Check-Valid-Until "false"'
WORK = """
set -e
docker run --rm "$INCEPTION_IMAGE" echo at level 5
mkdir /tmp/context
printf 'FROM %s\\nRUN docker --version >/made\\n' "$INCEPTION_IMAGE" >/tmp/context/Dockerfile
docker build --quiet --tag made /tmp/context >/dev/null
docker run --rm made cat /made
"""


def _image(suite: str, *options: str) -> str:
    """Return the tag of the level image of `suite`, built if it is missing; skip the test without that suite."""
    ask = ("mmdebstrap", "--variant=custom", "--simulate", f"--aptopt={OPTION}", suite, "/dev/null")
    asked = subprocess.run(ask, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        pytest.skip(f"Debian {suite} cannot be had here: {asked.stderr.strip().splitlines()[-1]}")
    command = (INCEPTION, "image", "build", "--suite", suite, "--apt-option", OPTION, *options)
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def bookworm(engine: Engine) -> str:
    """Give the level image with Docker 20.10."""
    del engine  # It is held, so that the image stays.
    return _image("bookworm")


@pytest.fixture(scope="module")
def forky(engine: Engine) -> str:
    """Give a level image with Docker 28 or later, and crun."""
    del engine
    return _image("forky", "--package", "crun")


def _check(run_inception: RunInception, engines: Sequence[tuple[str, str, str]]) -> None:
    """Check version, driver and runtime of each level's engine, as `docker` in the level and `ls` say them."""
    script = "docker version --format '{{.Server.Version}}'; docker info --format '{{.Driver}} {{.DefaultRuntime}}'"
    (chain,) = json.loads(run_inception("ls", "--json").stdout)
    for level, (version, driver, runtime) in zip(chain["levels"], engines, strict=True):
        asked = run_inception("exec", "engines", "--level", str(level["level"]), "--", "sh", "-c", script)
        assert asked.stdout.decode().split() == [level["engine_version"], driver, runtime], asked.stderr
        assert level["engine_version"].startswith(version)
        assert level["image_store"] == {"overlay2": "overlay2", "overlayfs": "containerd"}[driver]


def _up(run_inception: RunInception, depth: int, image: str, engines: Engines) -> subprocess.CompletedProcess[bytes]:
    options = [word for option, values in engines.items() for value in values for word in (option, value)]
    command = ("up", "--depth", str(depth), "--name", "engines", "--image", image, "--image-transfer", "graft")
    return run_inception(*command, *options, timeout_s=LIMIT_S)


def _seeded(engine: Engine, depth: int, image: str, engines: Engines) -> Engines:
    """Make the seeds, which stay, before the host is looked at; return `engines`."""
    chosen = read_level_engines(*(engines.get(it, ()) for it in ("--level-image", "--image-store", "--runtime")))
    prepare(engine, Request(depth=depth, name="warm-up", image=image, **chosen), print)
    return engines


@pytest.fixture(scope="module")
def four_engines(engine: Engine, level_image: str, bookworm: str, forky: str) -> Engines:
    """Give the options for Docker 20.10, 26.1 and 28 with either store in one another."""
    engines = {
        "--level-image": (f"1={bookworm}", f"3-={forky}"),
        "--image-store": ("3=overlay2", "4-=containerd"),
        "--runtime": ("3=crun",),
    }
    return _seeded(engine, 4, level_image, engines)


@pytest.fixture(scope="module")
def newer_engine(engine: Engine, level_image: str, forky: str) -> Engines:
    """Give the options for Docker 26.1 in 28 with containerd's store."""
    return _seeded(engine, 2, level_image, {"--level-image": (f"1={forky}",), "--image-store": ("1=containerd",)})


@pytest.mark.usefixtures("unchanged_host")
def test_four_engines_in_one_another_run_build_and_grow(
    run_inception: RunInception, level_image: str, bookworm: str, four_engines: Engines
) -> None:
    started = _up(run_inception, 4, level_image, four_engines)
    assert started.returncode == 0, started.stderr.decode()
    try:
        engines = [
            ("20.10.", "overlay2", "runc"),
            ("26.1.", "overlay2", "runc"),
            ("28.", "overlay2", "crun"),
            ("28.", "overlayfs", "runc"),
        ]
        _check(run_inception, engines)
        done = run_inception("exec", "engines", "--", "sh", "-c", WORK)
        assert done.stdout.startswith(b"at level 5\nDocker version 28."), done.stderr.decode()

        grown = run_inception("grow", "engines", timeout_s=LIMIT_S)
        assert grown.returncode == 0, grown.stderr.decode()
        assert b"seed" not in grown.stderr
        refused = run_inception("grow", "engines", "--image", bookworm, timeout_s=LIMIT_S)
        assert refused.returncode == 2
        (line,) = [it for it in refused.stderr.splitlines() if b"error:" in it]
        assert f"level 6 cannot keep images in containerd's store: {bookworm} has Docker 20.10.".encode() in line
        _check(run_inception, [*engines, engines[3]])
    finally:
        run_inception("down", "engines")


@pytest.mark.usefixtures("unchanged_host")
def test_older_engines_nest_in_newer_ones(
    run_inception: RunInception, level_image: str, bookworm: str, newer_engine: Engines
) -> None:
    started = _up(run_inception, 2, level_image, newer_engine)
    assert started.returncode == 0, started.stderr.decode()
    try:
        grown = run_inception("grow", "engines", "--image", bookworm, timeout_s=LIMIT_S)
        assert grown.returncode == 0, grown.stderr.decode()
        newer = [("28.", "overlayfs", "runc"), ("26.1.", "overlay2", "runc")]
        _check(run_inception, [*newer, ("20.10.", "overlay2", "runc")])
        with attach("engines") as levels:
            assert levels.image == bookworm
            said = output_of_container(levels.bottom, bookworm, ["dockerd", "--version"])
            assert said.startswith(b"Docker version 20.10.")
    finally:
        run_inception("down", "engines")


PORT = 18092
TREE = """
name = "engines"
image = "{outer}"
preload = ["{preload}"]
mount = ["{directory}:/here"]
forward = ["3={port}:80"]

[[levels]]
name = "host"

[[levels]]
name = "old"
parent = "host"
image = "{old}"

[[levels]]
name = "new"
parent = "host"
image = "{new}"
image-store = "containerd"
"""


@pytest.fixture
def tree(engine: Engine, level_image: str, bookworm: str, forky: str, tmp_path: Path) -> Iterator[Path]:
    """Give a file that describes a tree of three engines; its seeds are there, and go in the end."""
    file = tmp_path / "tree.toml"
    import_tiny_image(engine.client)
    before = {it["Name"] for it in engine.client.volumes()["Volumes"] or ()}
    words = {"outer": level_image, "old": bookworm, "new": forky, "preload": TINY_IMAGE}
    file.write_text(TREE.format(**words, directory=tmp_path, port=PORT))
    try:
        subprocess.run((INCEPTION, "up", "--spec", file), check=True)
        subprocess.run((INCEPTION, "down", "engines"), check=True)
        yield file
    finally:
        for volume in {it["Name"] for it in engine.client.volumes()["Volumes"] or ()} - before:
            engine.client.remove_volume(volume)
        engine.client.remove_image(TINY_IMAGE)


@pytest.mark.usefixtures("unchanged_host")
def test_engines_of_two_versions_are_children_of_a_third(tree: Path, run_inception: RunInception) -> None:
    def done(*words: str) -> str:
        ended = run_inception(*words, timeout_s=LIMIT_S)
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stdout.decode()

    planned = json.loads(done("plan", "--spec", str(tree), "--json"))
    assert [it["parent"] for it in planned["levels"]] == [0, 1, 1]
    done("up", "--spec", str(tree))
    try:
        _check(
            run_inception, [("26.1.", "overlay2", "runc"), ("20.10.", "overlay2", "runc"), ("28.", "overlayfs", "runc")]
        )
        assert [line.split()[1:3] for line in done("tree", "engines").splitlines() if " ready" in line] == [
            ["1", "host"],
            ["2", "old"],
            ["3", "new"],
        ]
        for child in ("old", "new"):
            script = f"docker run --rm {TINY_IMAGE} bash -c 'echo preloaded'; echo {child} >>/here/said"
            assert done("exec", f"engines/{child}", "--", "sh", "-c", script) == "preloaded\n"
        assert (tree.parent / "said").read_text() == "old\nnew\n"
        serve = f"({HTTP.format(port=80, address='127.0.0.1')}) </dev/null >/dev/null 2>&1 &"
        done("exec", "engines/new", "--", "sh", "-c", serve)
        assert fetch(PORT, "hostname") == b"engines-3\n"
    finally:
        run_inception("down", "engines")
