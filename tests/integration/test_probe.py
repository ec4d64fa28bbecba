"""What is read of this machine by really doing it: namespaces nested, an overlay mounted, a container asked."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.errors import ImageNotFound

from inception.engine.connect import Engine
from inception.errors import EngineError
from inception.linux.capabilities import names_in
from inception.plan.estimate import DISK_PER_LOOPBACK
from inception.plan.facts import Facts
from inception.plan.formats.size import MIB
from inception.plan.storage import MKFS_OPTIONS, usable
from inception.probe import scripts
from inception.probe.capabilities import ask_known, decide
from inception.probe.daemon import find_daemon
from inception.probe.facts import read_facts
from inception.probe.limits import read_limits
from inception.probe.namespaces import at_home
from inception.probe.network import in_network_of, parse_destinations, read_destinations, read_mtu
from inception.probe.overlay import trying_overlay, worked
from inception.probe.pids import nested, nesting_pids
from inception.probe.run_reader import read_in_container

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes namespaces and mounts"),
]

NEST = Path(scripts.__file__).with_name("nest_pids.py")
OURSELVES = Path("/proc/self")


def _nested() -> int:
    with nesting_pids() as trial:
        depth = nested(trial)
    assert depth is not None
    return depth


def test_each_enclosing_pid_namespace_takes_one() -> None:
    free = _nested()
    assert 1 < free <= 32
    inside = subprocess.run(
        ["unshare", "--pid", "--fork", "unshare", "--pid", "--fork", sys.executable, "-I", "-S", NEST],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(inside.stdout.split()[0]) == free - 2


def test_nesting_leaves_no_process() -> None:
    def processes() -> set[str]:
        return {entry.name for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _is_nester(entry)}

    _nested()
    assert processes() == set()


def _is_nester(process: Path) -> bool:
    try:
        return NEST.name.encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False


def test_a_denied_pid_namespace_differs_from_an_exhausted_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    without = ["setpriv", "--bounding-set", "-sys_admin", sys.executable, "-I", "-S", str(NEST)]
    denied = subprocess.run(without, capture_output=True, text=True, check=True)
    monkeypatch.setattr(scripts, "answer", lambda _: denied.stdout)
    with subprocess.Popen(["true"], text=True) as unused:
        assert nested(unused) is None
        monkeypatch.setattr(scripts, "answer", lambda _: f"0 {errno.ENOSPC}")
        assert nested(unused) == 0


def _carries(directory: Path) -> bool:
    with trying_overlay(str(directory), OURSELVES) as trial:
        assert trial is not None
        return worked(trial)


def test_an_overlay_is_not_carried_by_another(tmp_path: Path) -> None:
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    options = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    merged = tmp_path / "merged"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged], check=True)
    try:
        assert not _carries(merged)
        assert list(merged.iterdir()) == []
    finally:
        subprocess.run(["umount", merged], check=True)


def test_a_tmpfs_carries_an_overlay_and_nothing_is_left_there(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path], check=True)
    try:
        before = Path("/proc/self/mountinfo").read_text()
        assert _carries(tmp_path)
        assert list(tmp_path.iterdir()) == []
        assert Path("/proc/self/mountinfo").read_text() == before
    finally:
        subprocess.run(["umount", tmp_path], check=True)


FIRST_THREAD_AWAY = """
import ctypes, pathlib, sys, threading
for _ in range(2):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
setting = pathlib.Path("/proc/sys/net/ipv4/ip_forward")
other = "0" if setting.read_text() == "1\\n" else "1"
assert ctypes.CDLL(None).unshare(0x40000000) == 0  # CLONE_NEWNET
setting.write_text(other)
print("ready", flush=True)
sys.stdin.read()
"""


def test_an_engine_whose_first_thread_is_in_another_network_is_read_where_the_others_are() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FIRST_THREAD_AWAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        of_engine = Path(f"/proc/{process.pid}")
        assert (of_engine / "ns/net").readlink() != (OURSELVES / "ns/net").readlink()
        assert (at_home(of_engine, "net") / "ns/net").readlink() == (OURSELVES / "ns/net").readlink()
        found = read_limits(of_engine, Path("/")).network
        process.stdin.close()
    assert found == read_limits(OURSELVES, Path("/")).network


@pytest.fixture
def network_of_its_own() -> Iterator[Path]:
    """A process, as its directory in /proc, in a network whose way out takes 1000 bytes at a time."""
    script = (
        "ip link set lo up && ip link add out type veth peer name away && "
        "ip link set away up && ip link set out mtu 1000 up && "
        "ip address add 203.0.113.1/24 dev out && ip route add default via 203.0.113.2 && "
        "echo 1 > /proc/sys/net/ipv4/ip_forward && echo ready && read end"
    )
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Path(f"/proc/{process.pid}")
        process.stdin.close()


def test_an_engine_in_another_network_is_read_there(network_of_its_own: Path) -> None:
    assert read_mtu(network_of_its_own) == 1000
    assert "203.0.113.0/24" in read_destinations(network_of_its_own)
    assert "203.0.113.0/24" not in read_destinations(OURSELVES)
    assert in_network_of(network_of_its_own, lambda: Path("/proc/sys/net/ipv4/ip_forward").read_text()) == "1\n"
    # We are still where we were.
    assert read_mtu(OURSELVES) == read_mtu(OURSELVES)
    assert "out:" not in Path("/proc/self/net/dev").read_text()


def _read(engine: Engine, image_id: str) -> Facts:
    return read_facts(
        engine.client, endpoint=engine.endpoint, local=engine.local, image_id=image_id, run_root="/run/inception"
    )


@pytest.mark.usefixtures("unchanged_host")
def test_a_container_reads_the_same_as_this_process(engine: Engine, level_image: str) -> None:
    image_id = engine.client.inspect_image(level_image)["Id"]
    facts = _read(engine, image_id)
    info = engine.client.info()
    full = read_in_container(engine.client, info, image_id, owner_uid=0, owner_gid=0)
    reading = full.machine
    # The network that the container was given is the engine's; what we route ourselves is only to be seen from here.
    table = Path(f"/proc/{find_daemon(engine.endpoint, info)}/net/fib_trie").read_text()
    assert reading.host.routes == parse_destinations(table)
    assert set(reading.host.routes) <= set(facts.host.routes)
    steady = ("pid_namespaces_free", "mtu", "resolvers", "open_files_limit", "data_root_carries_overlay")
    assert {name: getattr(reading.host, name) for name in steady} == {
        name: getattr(facts.host, name) for name in steady
    }
    assert reading.host.disk_free is not None
    assert full.limits.bounding_set == reading.bounding_set
    assert (
        facts.engine.capabilities == decide(known=ask_known(engine.client), held=names_in(reading.bounding_set)).given
    )


def test_without_an_image_a_remote_machine_cannot_be_read(engine: Engine) -> None:
    with pytest.raises(EngineError, match="image is missing: inception image build"):
        read_in_container(engine.client, engine.client.info(), "", owner_uid=0, owner_gid=0)


@pytest.mark.usefixtures("unchanged_host")
def test_from_inside_a_pid_namespace_the_number_is_the_engines(engine: Engine, level_image: str) -> None:
    """As in a container that has the engine's socket: the engine's process cannot be found from there."""
    image_id = engine.client.inspect_image(level_image)["Id"]
    script = f"""
import docker
from inception.probe.facts import read_facts
endpoint = {engine.endpoint!r}
client = docker.APIClient(base_url=endpoint, version="1.41")
facts = read_facts(client, endpoint=endpoint, local=True, image_id={image_id!r}, run_root="/run/inception")
print(facts.host.pid_namespaces_free, facts.engine.local)
"""
    inside = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert inside.stdout.split() == [str(_read(engine, image_id).host.pid_namespaces_free), "False"]


@pytest.mark.usefixtures("unchanged_host")
def test_asking_for_known_capabilities_creates_nothing(engine: Engine) -> None:
    known = ask_known(engine.client)
    assert "SYS_ADMIN" in known
    # What it takes, it takes for real.
    with pytest.raises(ImageNotFound):
        engine.client.create_container("inception/none:none", host_config={"CapAdd": list(known)})


@pytest.mark.parametrize("mebibytes", [64, 512, 5 * 1024, 40 * 1024])
def test_a_loopback_image_holds_what_the_plan_says(tmp_path: Path, mebibytes: int) -> None:
    size = mebibytes * MIB
    image = tmp_path / "image"
    image.touch()
    os.truncate(image, size)
    subprocess.run(["mkfs.ext4", *MKFS_OPTIONS, image], check=True)
    assert image.stat().st_blocks * 512 < DISK_PER_LOOPBACK
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
    try:
        stat = os.statvfs(mounted)
        assert stat.f_bavail * stat.f_frsize >= usable(size)
        with (mounted / "data").open("wb") as data:
            os.posix_fallocate(data.fileno(), 0, usable(size))
    finally:
        subprocess.run(["umount", mounted], check=True)
