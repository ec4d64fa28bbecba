"""The inventory notices each kind of thing that could be left behind: one is left on purpose, seen, and taken away."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from inception.engine.connect import Engine
from inception.engine.private import cgroups, kernel
from inception.stress.inventory import ZOMBIE, Inventory, Thing, diff
from tests.integration.conftest import POLL_S, SETTLE_S
from tests.integration.tiny import import_tiny_image

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave most of these behind"),
]

UNUSED_NETWORK = "10.203.255.0/30"
NAME = "incep-test"
TTL = Path("/proc/sys/net/ipv4/ip_default_ttl")

Leftover = Callable[[Path, Engine], AbstractContextManager[None]]


@contextmanager
def _command(make: list[str], remove: list[str]) -> Iterator[None]:
    subprocess.run(make, check=True)
    try:
        yield
    finally:
        subprocess.run(remove, check=True)


@contextmanager
def mount(directory: Path, _engine: Engine) -> Iterator[None]:
    kernel.mount_tmpfs(directory)
    try:
        yield
    finally:
        kernel.detach(directory)


@contextmanager
def loop_device(directory: Path, _engine: Engine) -> Iterator[None]:
    backing = directory / "backing"
    backing.write_bytes(bytes(1 << 20))
    attach = subprocess.run(["losetup", "--find", "--show", backing], check=True, capture_output=True, text=True)
    try:
        yield
    finally:
        subprocess.run(["losetup", "--detach", attach.stdout.strip()], check=True)


def link(_directory: Path, _engine: Engine) -> AbstractContextManager[None]:
    make = ["ip", "link", "add", "inceptest0", "type", "veth", "peer", "name", "inceptest1"]
    return _command(make, ["ip", "link", "delete", "inceptest0"])


def route(_directory: Path, _engine: Engine) -> AbstractContextManager[None]:
    words = ["blackhole", UNUSED_NETWORK]
    return _command(["ip", "route", "add", *words], ["ip", "route", "delete", *words])


def rule(_directory: Path, _engine: Engine) -> AbstractContextManager[None]:
    words = ["POSTROUTING", "-s", UNUSED_NETWORK, "-j", "RETURN"]
    return _command(["iptables", "-w", "-t", "nat", "-A", *words], ["iptables", "-w", "-t", "nat", "-D", *words])


def second_copy_of_a_rule(_directory: Path, _engine: Engine) -> AbstractContextManager[None]:
    words = ["POSTROUTING", "-s", UNUSED_NETWORK, "-j", "RETURN"]
    both = "iptables -w -t nat {0} {1} && iptables -w -t nat {0} {1}"
    return _command(
        ["sh", "-c", both.format("-A", " ".join(words))],
        ["sh", "-c", both.format("-D", " ".join(words))],
    )


@contextmanager
def control_group(_directory: Path, _engine: Engine) -> Iterator[None]:
    group = cgroups.own_groups(NAME)[0]
    group.mkdir()
    try:
        yield
    finally:
        group.rmdir()


@contextmanager
def _process(words: list[str], executable: str | None = None) -> Iterator[None]:
    process = subprocess.Popen(words, executable=executable)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def daemon(_directory: Path, _engine: Engine) -> AbstractContextManager[None]:
    return _process(["dockerd", "60"], shutil.which("sleep"))


def process_in_a_namespace(_directory: Path, _engine: Engine) -> AbstractContextManager[None]:
    return _process(["unshare", "--net", "sleep", "60"])


@contextmanager
def zombie(_directory: Path, _engine: Engine) -> Iterator[None]:
    process = subprocess.Popen(["true"])
    try:
        yield
    finally:
        process.wait()


@contextmanager
def unix_socket(directory: Path, _engine: Engine) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "socket"))
        listener.listen()
        yield


@contextmanager
def tcp_listener(_directory: Path, _engine: Engine) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)):
        yield


@contextmanager
def setting(_directory: Path, _engine: Engine) -> Iterator[None]:
    before = TTL.read_text().strip()
    TTL.write_text(str(int(before) + 1))
    try:
        yield
    finally:
        TTL.write_text(before)


@contextmanager
def _file(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    try:
        yield
    finally:
        path.unlink()


def run_directory_entry(directory: Path, _engine: Engine) -> AbstractContextManager[None]:
    return _file(directory / "run" / "chain" / "plan.json")


def state_entry(directory: Path, _engine: Engine) -> AbstractContextManager[None]:
    return _file(directory / "state" / "chains" / "dream.json")


def state_of_an_engine(directory: Path, _engine: Engine) -> AbstractContextManager[None]:
    return _file(directory / "state" / "engine" / "host.json")


def temporary_file(_directory: Path, _engine: Engine) -> AbstractContextManager[None]:
    return _file(Path(tempfile.gettempdir()) / "inception-test")


@contextmanager
def image(_directory: Path, engine: Engine) -> Iterator[None]:
    identifier = import_tiny_image(engine.client)
    try:
        yield
    finally:
        engine.client.remove_image(identifier)


@contextmanager
def container(directory: Path, engine: Engine) -> Iterator[None]:
    with image(directory, engine):
        created = engine.client.create_container("inception-test:tiny", ["true"])
        try:
            yield
        finally:
            engine.client.remove_container(created["Id"])


@contextmanager
def volume(_directory: Path, engine: Engine) -> Iterator[None]:
    engine.client.create_volume(NAME)
    try:
        yield
    finally:
        engine.client.remove_volume(NAME)


@contextmanager
def network(_directory: Path, engine: Engine) -> Iterator[None]:
    engine.client.create_network(NAME)
    try:
        yield
    finally:
        engine.client.remove_network(NAME)


LEFTOVERS: tuple[tuple[Leftover, str, str], ...] = (
    (mount, "mount", "{directory} (tmpfs)"),
    (loop_device, "loop device", "{directory}/backing"),
    (link, "link", "inceptest0"),
    (route, "route", UNUSED_NETWORK),
    (rule, "rule", f"-A POSTROUTING -s {UNUSED_NETWORK} -j RETURN"),
    (second_copy_of_a_rule, "rule", f"-A POSTROUTING -s {UNUSED_NETWORK} -j RETURN (2)"),
    (control_group, "control group", NAME),
    (daemon, "process", "dockerd 60"),
    (process_in_a_namespace, "process", "sleep 60"),
    (zombie, ZOMBIE, "[true]"),
    (unix_socket, "unix socket", "{directory}/socket"),
    (tcp_listener, "TCP listener", "tcp 0100007F:"),
    (setting, "setting", "net/ipv4/ip_default_ttl"),
    (run_directory_entry, "run directory entry", "chain/plan.json"),
    (state_entry, "state entry", "chains/dream.json"),
    (state_of_an_engine, "state entry", "engine/host.json"),
    (temporary_file, "temporary file", "inception-test"),
    (image, "image", "inception-test:tiny"),
    (container, "container", "created"),
    (volume, "volume", NAME),
    (network, "network", NAME),
)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a leftover may lie: the run root and the state directory are below it."""
    monkeypatch.setenv("INCEPTION_RUN_ROOT", str(tmp_path / "run"))
    monkeypatch.setenv("INCEPTION_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


@pytest.mark.parametrize(("leave", "kind", "name"), LEFTOVERS, ids=[leave.__name__ for leave, _, _ in LEFTOVERS])
def test_leftover_is_noticed(directory: Path, engine: Engine, leave: Leftover, kind: str, name: str) -> None:
    before = Inventory.take(engine)
    expected = name.format(directory=directory)
    with leave(directory, engine):
        noticed = _wait_for(lambda: _of_kind(before, engine, kind, expected), wanted=True)
        assert noticed, f"no {kind} {expected} in {diff(before, Inventory.take(engine))}"
    assert not _wait_for(lambda: _of_kind(before, engine, kind, expected), wanted=False)


def test_every_kind_of_thing_has_a_leftover(engine: Engine) -> None:
    there = {thing.kind for thing in Inventory.take(engine).things}
    assert there <= {kind for _, kind, _ in LEFTOVERS}


def test_removed_thing_is_noticed() -> None:
    link = Thing("link", "eth0")
    assert diff(Inventory(frozenset({link})), Inventory(frozenset())) == ["gone: link eth0"]


def _of_kind(before: Inventory, engine: Engine, kind: str, name: str) -> list[str]:
    lines = diff(before, Inventory.take(engine))
    return [line for line in lines if line.startswith(f"left behind: {kind} ") and name in line]


def _wait_for(find: Callable[[], list[str]], *, wanted: bool) -> list[str]:
    """What `find` finds, as soon as it finds something, or nothing any more."""
    deadline = time.monotonic() + SETTLE_S
    while bool(found := find()) is not wanted and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return found
