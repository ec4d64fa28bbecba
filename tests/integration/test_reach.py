"""Reach into the levels of one chain: copies to every mount, the options of docker exec, an engine on all addresses."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from inception.chain.publishing.host_names import client_address
from inception.engine.connect import Engine
from inception.places import run_root
from inception.plan.paths import SEEDS_DIRECTORY
from tests.integration.conftest import INCEPTION, RunInception, lasting_difference, steady_inventory

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("chain")]

LIMIT_S = 30
USER = "1000"
OUTER_AND_BOTTOM = pytest.mark.parametrize("level", ["1", "3"])
WILDCARD = "0.0.0.0"  # noqa: S104 the certificates keep others out


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([INCEPTION, *arguments], input=stdin, capture_output=True, timeout=2 * LIMIT_S, check=False)


def output_of(*arguments: str, stdin: bytes = b"") -> bytes:
    done = run(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def error_of(*arguments: str, status: int, stdin: bytes = b"") -> str:
    done = run(*arguments, stdin=stdin)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (status, b"", 1), done.stderr.decode()
    return done.stderr.decode()


@pytest.fixture(scope="module")
def chain(engine: Engine, level_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Start a chain of three levels whose bottom is published on all addresses; give the port."""
    del level_image
    before = steady_inventory(engine)
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INCEPTION_RUN_ROOT", str(tmp_path_factory.mktemp("r")))
        patch.setenv("FROM_HERE", "here")
        output_of(
            *("up", "--depth", "3", "--name", "reach", "--publish-engine", str(port)),
            *("--publish-address", WILDCARD, "--tls-san", "reach.test"),
        )
        try:
            yield port
        finally:
            output_of("down", "reach")
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


@OUTER_AND_BOTTOM
def test_copies_reach_every_mount_of_a_level(level: str, tmp_path: Path) -> None:
    (tmp_path / "sent").write_bytes(sent := os.urandom(1 << 16))
    in_run_directory = str(run_root() / "reach" / f"sent-{level}")
    places = ("/run/sent", "/dev/shm/sent", "/var/lib/docker/sent", "/srv/sent", in_run_directory)
    for place in places:
        output_of("cp", str(tmp_path / "sent"), f"reach:{place}", "--level", level)
    assert output_of("exec", "reach", "--level", level, "--", "cat", *places) == sent * len(places)
    for place in places:
        output_of("cp", f"reach:{place}", str(tmp_path / "back"), "--level", level)
        assert (tmp_path / "back").read_bytes() == sent, place
        (tmp_path / "back").unlink()
    output_of("exec", "reach", "--level", level, "--", "rm", *places)


@OUTER_AND_BOTTOM
def test_archive_keeps_kinds_and_modes_of_files_in_a_mount(level: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "ü file").write_bytes(os.urandom(10_000_000))
    (tree / "deep" / "ü file").chmod(0o640)
    (tree / "hard").hardlink_to(tree / "deep" / "ü file")
    (tree / "soft").symlink_to("deep/ü file")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree / "socket"))
    output_of("cp", str(tree), "reach:/run/copied", "--level", level)
    script = "cd /run/copied; ls; stat -c '%a %U %h %s' hard; readlink soft; chown 7:8 hard"
    listed = output_of("exec", "reach", "--level", level, "--", "sh", "-c", script).decode()
    assert listed == "deep\nhard\nsoft\n640 root 2 10000000\ndeep/ü file\n"
    archive = output_of("cp", "reach:/run/copied", "-", "--level", level)
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        assert {(it.uid, it.gid) for it in opened if it.isreg()} == {(7, 8)}
    output_of("cp", "-", "reach:/dev/shm", "--level", level, stdin=archive)
    stat = ("stat", "-c", "%u:%g %a %s", "/dev/shm/copied/hard")
    assert output_of("exec", "reach", "--level", level, "--", *stat) == b"7:8 640 10000000\n"
    output_of("cp", "reach:/dev/shm/copied", str(tmp_path / "back"), "--level", level)
    assert (tmp_path / "back" / "soft").read_bytes() == (tree / "hard").read_bytes()
    assert (tmp_path / "back" / "hard").stat().st_nlink == 2
    output_of("exec", "reach", "--level", level, "--", "rm", "-r", "/run/copied", "/dev/shm/copied")


@OUTER_AND_BOTTOM
def test_copy_that_fails_says_why_in_one_line(level: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    file = str(tmp_path / "file")

    def error(source: str, target: str, *, status: int = 125, stdin: bytes = b"") -> str:
        return error_of("cp", source, target, "--level", level, status=status, stdin=stdin)

    assert "/run/nosuch: No such file" in error("reach:/run/nosuch", str(tmp_path))
    assert "/run/nosuch: No such file" in error("reach:/run/nosuch", "-")
    assert "/nowhere is not a directory" in error(file, "reach:/nowhere/file")
    assert "/nowhere is not a directory" in error("-", "reach:/nowhere", status=2)
    assert "it has no size" in error("reach:/proc/version", str(tmp_path))
    assert "not look like a tar" in error("-", "reach:/run", stdin=b"no archive" * 1000)
    seed = output_of("exec", "reach", "--level", level, "--", "ls", str(SEEDS_DIRECTORY)).decode().strip()
    assert "Read-only file system" in error(file, f"reach:{SEEDS_DIRECTORY}/{seed}/x")
    output_of("exec", "reach", "--level", level, "--", "sh", "-c", "mv /usr/bin/tar /usr/bin/tar.away")
    assert "there is no tar in the level" in error(file, "reach:/run")
    output_of("exec", "reach", "--level", level, "--", "sh", "-c", "mv /usr/bin/tar.away /usr/bin/tar")


@OUTER_AND_BOTTOM
def test_session_has_the_options_of_docker_exec(level: str, tmp_path: Path) -> None:
    (tmp_path / "variables").write_text("# comment\nA=file\nB=in the file\n")
    where = ("reach", "--level", level, "-e", "A=1", "-e", "FROM_HERE", "--env-file", str(tmp_path / "variables"))
    script = 'id -u; pwd; echo "$A $B $FROM_HERE $INCEPTION_LEVEL"; cat'
    done = output_of("exec", *where, "-u", USER, "-w", "/tmp", "-i", "--", "sh", "-c", script, stdin=b"in")
    assert done.decode() == f"1000\n/tmp\n1 in the file here {level}\nin"
    assert output_of("shell", *where, "-T", "-u", f"{USER}:7", stdin=b"id -g; echo $A\n") == b"7\n1\n"


def test_terminal_of_another_user_has_the_size_of_ours() -> None:
    script = "stty size; id -u; until [ \"$(stty size)\" = '20 70' ]; do sleep 0.1; done; echo shrunk"
    command = ["exec", "reach", "-it", "-u", USER, "--", "sh", "-c", script]
    child = pexpect.spawn(INCEPTION, command, dimensions=(30, 100), timeout=LIMIT_S, encoding="utf-8")
    child.expect_exact("30 100\r\n1000\r\n")
    child.setwinsize(20, 70)
    child.expect_exact("shrunk\r\n")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_signal_reaches_the_command_of_another_user() -> None:
    script = "trap 'echo got it; exit 33' TERM; echo on; while :; do sleep 0.1; done"
    with subprocess.Popen(
        [INCEPTION, "exec", "reach", "-u", USER, "--", "sh", "-c", script], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=LIMIT_S)
    assert (output, process.returncode) == (b"got it\n", 33)


def test_unknown_user_is_refused_by_the_engine_in_one_line() -> None:
    assert "unable to find user nosuch" in error_of("exec", "reach", "-u", "nosuch", "--", "true", status=126)


def test_main_job_has_the_options_of_docker_exec(run_inception: RunInception) -> None:
    options = ("-e", "CI=true", "-u", USER, "-w", "/tmp")
    done = run_inception("--depth", "2", "--quiet", *options, "--", "sh", "-c", "echo $CI; id -u; pwd")
    assert (done.returncode, done.stdout) == (0, b"true\n1000\n/tmp\n"), done.stderr.decode()


def test_engine_on_all_addresses_is_verified_by_each_name(chain: int) -> None:
    settings = json.loads(output_of("env", "reach", "--json"))
    assert settings["DOCKER_HOST"] == f"tcp://{client_address(WILDCARD)}:{chain}"
    docker = shutil.which("docker")
    assert docker is not None
    for host in (settings["DOCKER_HOST"], f"tcp://127.0.0.1:{chain}"):
        done = subprocess.run(
            [docker, "info", "--format", "{{.Name}}"],
            env={**os.environ, **settings, "DOCKER_HOST": host},
            capture_output=True,
            check=False,
            timeout=LIMIT_S,
        )
        assert done.stdout == b"reach-3\n", (host, done.stderr)
    context = ssl.create_default_context(cafile=f"{settings['DOCKER_CERT_PATH']}/ca.pem")
    certificate, key = (f"{settings['DOCKER_CERT_PATH']}/{name}.pem" for name in ("cert", "key"))
    context.load_cert_chain(certificate, key)
    for name in ("localhost", socket.gethostname(), socket.getfqdn(), client_address(WILDCARD), "reach.test"):
        with socket.create_connection(("127.0.0.1", chain), LIMIT_S) as plain:
            context.wrap_socket(plain, server_hostname=name).close()
