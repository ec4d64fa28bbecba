"""Settings of the levels' engines, in levels 1 and 3 of one chain, and in the standalone image."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inception.chain.publishing.certificates import make_certificates
from inception.engine.connect import Engine
from tests.integration.conftest import INCEPTION, RunInception
from tests.integration.container_output import LINGER
from tests.integration.test_standalone import OPTIONS

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("standalone_image", "unchanged_host")]

NETWORKS = 6
"""Networks that the test makes at a level, each in some tenths of a second: three were all that there was room for."""
PROXY = "http://me:secret@127.0.0.1:3128"
LOOK = f"""
set -e
for number in $(seq {NETWORKS}); do docker network create n$number >/dev/null; done
docker network create --ipv6 --subnet fd00:1::/64 six >/dev/null
for network in bridge n1 six; do
    docker run --rm --network $network $IMAGE sh -c 'cat /sys/class/net/eth0/mtu; {LINGER}'
done
docker run --rm $IMAGE sh -c 'ulimit -Sn; ulimit -Hn; {LINGER}'
grep '^Max open files' /proc/$(cat /run/docker.pid)/limits | tr -s ' ' | cut -d ' ' -f 4
docker inspect --format '{{{{index .HostConfig.LogConfig.Config "max-size"}}}}' $(docker create $IMAGE)
docker run --rm $IMAGE sh -c 'echo $HTTPS_PROXY; {LINGER}'
echo "$https_proxy"
docker info --format '{{{{json .}}}}'
tail -n 2 /etc/ssl/certs/ca-certificates.crt
"""


@pytest.fixture(scope="module")
def standalone_image(engine: Engine, level_image: str) -> None:
    """Make the image `inception`, as a user makes it. It stays, as the level image does."""
    del engine, level_image  # They hold the engine, and have the level image made.
    subprocess.run([INCEPTION, "image", "build"], check=True)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Give a directory with a daemon.json and a certificate authority."""
    (tmp_path / "d.json").write_text(json.dumps({"labels": ["from=file"]}))
    make_certificates(tmp_path / "tls", "127.0.0.1")
    return tmp_path


@contextmanager
def _chain(run_inception: RunInception, files: Path) -> Iterator[str]:
    started = run_inception(
        *("up", "--depth", "3", "--name", "settings", "--mtu", "1400", "--ca", str(files / "tls" / "ca.pem")),
        *("--registry-mirror", "https://mirror.example", "--insecure-registry", "registry.example:5000"),
        *("--dockerd", "3:--max-concurrent-downloads=1", "--daemon-json", f"1-2:{files / 'd.json'}"),
        environment={"HTTPS_PROXY": PROXY},
    )
    try:
        assert started.returncode == 0, started.stderr.decode()
        yield started.stderr.decode()
    finally:
        run_inception("down", "settings")


@pytest.mark.usefixtures("own_run_root", "level_image")
def test_settings_reach_levels_1_and_3_and_what_runs_there(run_inception: RunInception, files: Path) -> None:
    with _chain(run_inception, files) as said:
        assert "warning: proxy http://xxxxx:xxxxx@127.0.0.1:3128 is on the host's loopback" in said
        for level in (1, 3):
            script = f"IMAGE=$INCEPTION_IMAGE\n{LOOK}"
            done = run_inception("exec", "settings", "--level", str(level), "--", "sh", "-c", script)
            assert done.returncode == 0, done.stderr.decode()
            *mtus, soft, hard, daemons, log_size, inner, own, info, last, end = done.stdout.decode().splitlines()
            assert mtus == ["1400", "1400", "1400"]
            assert soft == "1024"
            assert int(hard) <= 524288
            assert int(daemons) >= int(hard)
            assert log_size == "10m"
            assert inner == own == PROXY
            described = json.loads(info)
            assert described["HttpsProxy"].endswith("@127.0.0.1:3128")
            assert "10.208." in described["NoProxy"]
            assert described["RegistryConfig"]["Mirrors"] == ["https://mirror.example/"]
            assert "registry.example:5000" in described["RegistryConfig"]["IndexConfigs"]
            assert (described["Labels"] or []) == (["from=file"] if level == 1 else [])
            assert [last, end] == (files / "tls" / "ca.pem").read_text().splitlines()[-2:]


def test_what_a_level_needs_is_refused_by_name(run_inception: RunInception) -> None:
    done = run_inception("plan", "--depth", "2", "--dockerd", "2:--data-root=/elsewhere")
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert "--dockerd --data-root=/elsewhere sets data-root" in line


def test_a_file_of_settings_is_obeyed_in_the_image_alone(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "daemon.json"
    file.write_text(json.dumps({"mtu": 1400, "log-level": "debug", "containerd": "/nonesuch"}))
    script = f"""
        set -e
        tar -C / -c bin lib lib64 usr | docker import - tiny >/dev/null
        docker network create own >/dev/null
        docker run --rm --network own tiny sh -c 'cat /sys/class/net/eth0/mtu; {LINGER}'
        docker run --rm tiny sh -c 'ulimit -Sn; {LINGER}'
    """
    ended = subprocess.run(
        ["docker", "run", "--rm", "-v", f"{file}:/etc/docker/daemon.json", *OPTIONS, "inception", "sh", "-c", script],
        env={**os.environ, "DOCKER_HOST": engine.endpoint},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stdout == b"1400\n1024\n", ended.stderr.decode()
    ignored = b"inception: warning: /etc/docker/daemon.json sets containerd, which is fixed here"
    assert ignored in ended.stderr
    assert b"level=debug" in ended.stderr
