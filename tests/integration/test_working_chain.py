"""A chain that one works in: frozen and let go on, watched."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pexpect
import pytest

from inception.engine.connect import Engine
from tests.integration.conftest import INCEPTION, RunInception, lasting_difference, steady_inventory

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("chain")]

DEPTH = 4
LIMIT_S = 60


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([INCEPTION, *arguments], input=stdin, capture_output=True, timeout=LIMIT_S, check=False)


def output_of(*arguments: str, stdin: bytes = b"") -> str:
    done = run(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def error_of(*arguments: str) -> str:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (125, b"", 1), done.stderr.decode()
    return done.stderr.decode()


def condition() -> str:
    return str(json.loads(output_of("ls", "--json"))[0]["condition"])


@pytest.fixture(scope="module")
def chain(engine: Engine, level_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start a chain of four levels, with a run root of its own, and a stream of its events."""
    del level_image
    before = steady_inventory(engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INCEPTION_RUN_ROOT", str(tmp_path_factory.mktemp("r")))
        output_of("up", "--depth", str(DEPTH), "--name", "work")
        stream = subprocess.Popen([INCEPTION, "events", "work", "--json"], stdout=subprocess.PIPE, text=True)
        try:
            yield
        finally:
            output_of("down", "work")
        # The stream ends with the chain, and holds all of its life.
        output, _ = stream.communicate(timeout=LIMIT_S)
    events = [json.loads(line) for line in output.splitlines()]
    of_bottom = [(it["phase"], it["state"]) for it in events if it["level"] == DEPTH]
    assert of_bottom[0] == ("create", "begin")
    assert ("ready", "end") in of_bottom
    assert of_bottom[-1] == ("unwind", "end")
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


def test_a_paused_chain_stands_still_and_goes_on() -> None:
    count = "i=0; while sleep 0.05; do echo $((i += 1)) >/run/count; done"
    output_of("exec", "--", "sh", "-c", f"({count}) >/dev/null 2>&1 &")
    begun_s = time.monotonic()
    output_of("pause")
    assert time.monotonic() - begun_s < 2
    try:
        assert condition() == "paused"
        assert output_of("tree").startswith("work: paused, on ")
        assert " paused" in output_of("ls")
        assert json.loads(output_of("top", "--json"))["condition"] == "paused"
        for refused in (("exec", "--", "true"), ("grow",), ("shrink",), ("cp", "work:/run/count", "-"), ("pause",)):
            assert "chain work is paused: let it go on with: inception resume work" in error_of(*refused)
    finally:
        output_of("resume")
    assert condition() == "running"
    first = int(output_of("exec", "--", "cat", "/run/count"))
    time.sleep(1)
    # Counted in a second, and not in the seconds of the pause, during which several commands were refused.
    assert first < int(output_of("exec", "--", "cat", "/run/count")) <= first + 60
    assert "is not paused" in error_of("resume")


@pytest.mark.parametrize("end", ["down", "kick"])
def test_a_paused_chain_ends_when_it_is_asked_to(end: str) -> None:
    output_of("up", "--depth", "1", "--name", "frozen")
    output_of("pause", "frozen")
    begun_s = time.monotonic()
    output_of(end, "frozen")
    assert time.monotonic() - begun_s < 10
    assert [it["name"] for it in json.loads(output_of("ls", "--json"))] == ["work"]


def top() -> list[dict[str, Any]]:
    levels: list[dict[str, Any]] = json.loads(output_of("top", "--json"))["levels"]
    return levels


def test_top_shows_the_level_that_works() -> None:
    output_of("exec", "--level", "2", "--", "sh", "-c", "(timeout 20 sh -c 'while :; do :; done') >/dev/null 2>&1 &")
    image = "docker run -d --rm --name sleeper $INCEPTION_IMAGE sleep 60"
    output_of("exec", "--level", "3", "--", "sh", "-c", image)
    levels = top()
    assert [it["presence"] for it in levels] == ["ready"] * DEPTH
    assert max(levels, key=lambda it: it["cpu"])["level"] == 2
    assert [it["containers"] for it in levels] == [[], [], ["sleeper"], []]
    assert all(10e6 < it["memory"] < 2e9 and 10 < it["tasks"] < 500 for it in levels), levels
    table = output_of("top").splitlines()
    assert table[0].split() == ["LEVEL", "STATE", "CPU", "MEMORY", "TASKS", "CONTAINERS"]
    assert table[3].endswith("sleeper")
    output_of("exec", "--level", "3", "--", "docker", "kill", "sleeper")


def test_top_is_shown_again_and_again_on_a_terminal() -> None:
    watching = pexpect.spawn(INCEPTION, ["top", "work"], timeout=LIMIT_S, dimensions=(24, 100))
    for _ in range(2):
        watching.expect("work: running")
        watching.expect(r"4 +ready")
    watching.sendintr()
    watching.expect(pexpect.EOF)
    assert watching.wait() == 0


def test_events_so_far_are_lines_for_people(run_inception: RunInception) -> None:
    lines = run_inception("events", "work", "--no-follow").stdout.decode().splitlines()
    assert any("level 4  ready ends  after" in line for line in lines)
