"""All that one works with in a chain, at three depths, in both image stores; `test_working_chain` has the details."""

from __future__ import annotations

import http.server
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inception.chain.prepare import prepare
from inception.engine.connect import Engine
from inception.plan.protocol import GATE
from inception.plan.request import Request, parse_level_store
from tests.integration.conftest import wait_for
from tests.integration.container_output import LINGER, lingering
from tests.integration.test_working_chain import GET, HTTP, LIMIT_S, Hello, fetch, free_port, output_of, run
from tests.integration.tiny import TINY_IMAGE, import_tiny_image

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MEMORY = 16 << 30
PIDS = 20_000
SHM_SIZE = 80 << 20
PAUSE_LIMIT_S = 3.0


@pytest.fixture(scope="module", params=["overlay2", "containerd"])
def store(request: pytest.FixtureRequest, engine: Engine, level_image: str) -> Iterator[str]:
    """Give an image store, with a small image at level 0 and its seed, which are removed in the end."""
    client, name = engine.client, str(request.param)
    before = {it["Name"] for it in client.volumes()["Volumes"] or ()}
    import_tiny_image(client)
    wanted = Request(depth=1, name="warm-up", image=level_image, image_store=(parse_level_store(name),))
    for preload in ((TINY_IMAGE,), ()):
        prepare(engine, replace(wanted, preload=preload), print)
    yield name
    client.remove_image(TINY_IMAGE)
    for volume in {it["Name"] for it in client.volumes()["Volumes"] or ()} - before:
        client.remove_volume(volume)


@pytest.mark.usefixtures("unchanged_host")
@pytest.mark.parametrize("depth", [1, 4, 32])
def test_a_chain_of_any_depth_has_mounts_images_limits_and_ports_and_can_be_watched_and_paused(
    depth: int, store: str, engine: Engine, own_run_root: Path, tmp_path: Path
) -> None:
    del own_run_root
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/one").write_text("one\n")
    os.chown(tmp_path / "notes/one", 1234, 1234)
    try:
        output_of(
            *("up", "--quiet", "--depth", str(depth), "--name", "deep"),
            *("--mount", f"{tmp_path}:/here", "--mount", f"{tmp_path}/notes:/notes:ro"),
            *("--image-store", store, "--preload", TINY_IMAGE),
            *("--memory", f"{MEMORY}B", "--pids", str(PIDS), "--shm-size", f"{SHM_SIZE}B"),
        )
        check_mounts(tmp_path)
        check_images(depth)
        check_limits(engine)
        check_ports(depth)
        check_a_service_of_the_host(depth)
        check_pause(tmp_path)
        check_watching(depth)
    finally:
        output_of("down", "deep")


def at_bottom(script: str, *words: str) -> str:
    return output_of("exec", "--", "sh", "-c", script, *words)


def check_mounts(here: Path) -> None:
    assert at_bottom("stat -c %u:%g /notes/one; cat /here/notes/one; echo two >/here/two") == "1234:1234\none\n"
    assert (here / "two").read_text() == "two\n"
    assert b"Read-only file system" in run("exec", "--", "touch", "/notes/two").stderr
    assert at_bottom(f"docker run --rm -v /here:/x $INCEPTION_IMAGE sh -c 'cat /x/two; {LINGER}'") == "two\n"


def check_images(depth: int) -> None:
    for level in {1, depth}:
        run_tiny = ("docker", "run", "--rm", TINY_IMAGE, *lingering("bash", "-c", "echo $0", f"below level {level}"))
        assert output_of("exec", "--level", str(level), "--", *run_tiny) == f"below level {level}\n"


def check_limits(engine: Engine) -> None:
    host = engine.client.inspect_container("inception-deep-1")["HostConfig"]
    assert (host["Memory"], host["PidsLimit"]) == (MEMORY, PIDS)
    assert int(at_bottom("df --output=size -B1 /dev/shm | tail -1")) == SHM_SIZE


def check_ports(depth: int) -> None:
    web = f"docker run -d --rm --name web --hostname web $INCEPTION_IMAGE {HTTP.format(port=80, address='::')}"
    at_bottom(f"{web}; ({HTTP.format(port=8000, address='127.0.0.1')}) </dev/null >/dev/null 2>&1 &")
    to_level, to_container = free_port(), free_port()
    output_of("forward", "deep", f"{to_level}:8000")
    output_of("forward", "deep", f"{to_container}:web:80")
    assert fetch(to_level, "hostname") == f"deep-{depth}\n".encode()
    assert fetch(to_container, "hostname") == b"web\n"
    at_bottom("docker kill web")


def check_a_service_of_the_host(depth: int) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        output_of("forward", "deep", "--expose-host", str(port))
        for level in {"1", str(depth)}:
            get = output_of("exec", "--level", level, "--", "python3", "-c", GET, f"http://127.0.0.1:{port}/")
            assert get == "hello from the host"
        inside = f'docker run --rm $INCEPTION_IMAGE python3 -c "$0" http://{GATE}:{port}/'
        assert at_bottom(inside, GET) == "hello from the host"
        server.shutdown()


def check_pause(here: Path) -> None:
    beats = here / "beats"
    at_bottom("(while sleep 0.05; do echo >>/here/beats; done) >/dev/null 2>&1 &")
    wait_for(beats.exists, LIMIT_S, "the bottom does nothing")
    begun_s = time.monotonic()
    output_of("pause")
    try:
        assert time.monotonic() - begun_s < PAUSE_LIMIT_S
        stood_at = beats.stat().st_size
        time.sleep(0.5)
        assert beats.stat().st_size == stood_at
    finally:
        output_of("resume")
    wait_for(lambda: beats.stat().st_size > stood_at, LIMIT_S, "the bottom stands still")


def check_watching(depth: int) -> None:
    seen = json.loads(output_of("top", "--json"))["levels"]
    assert [it["presence"] for it in seen] == ["ready"] * depth
    assert all(it["memory"] > 10e6 and it["tasks"] > 10 for it in seen), seen
    events = [json.loads(line) for line in output_of("events", "deep", "--json", "--no-follow").splitlines()]
    assert {it["level"] for it in events if (it["phase"], it["state"]) == ("ready", "end")} == set(range(1, depth + 1))
