"""What keeps a private engine from being started, said before anything is."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from pathlib import Path

import pytest

from inception.engine.private import lease
from inception.engine.private.layout import EngineDirectory
from inception.engine.private.lease import missing_for_private, private_engine, takes_clients
from inception.engine.private.resolvers import reachable_list
from inception.errors import EngineError, EngineUnreachable
from inception.linux.flock import Mode, held, try_take
from inception.plan.paths import SOCKET_PATH_LIMIT

BEHIND = "nameserver 192.0.2.53\n"


@pytest.fixture
def _root_with_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name, **_: f"/usr/bin/{name}")


@pytest.mark.usefixtures("_root_with_everything")
def test_root_with_all_programs_lacks_nothing() -> None:
    assert missing_for_private() is None


@pytest.mark.usefixtures("_root_with_everything")
def test_a_user_other_than_root_lacks_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    missing = missing_for_private()
    assert missing is not None
    assert missing.why == "needs root"


@pytest.mark.usefixtures("_root_with_everything")
def test_missing_programs_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there = {"runc", "containerd", "setsid", "ip"}
    monkeypatch.setattr(shutil, "which", lambda name, **_: name if name in there else None)
    with (
        pytest.raises(EngineUnreachable, match="a private engine needs dockerd, iptables: install them"),
        private_engine(EngineDirectory(tmp_path), print),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_root_s_programs_are_found_after_su(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
    assert lease._path().split(":")[-3:] == ["/usr/local/sbin", "/usr/sbin", "/sbin"]


@pytest.mark.usefixtures("_root_with_everything")
def test_a_path_too_long_for_sockets_is_refused(tmp_path: Path) -> None:
    directory = EngineDirectory(tmp_path / ("x" * SOCKET_PATH_LIMIT))
    with pytest.raises(EngineError, match="INCEPTION_STATE_DIR"), private_engine(directory, print):
        pass
    assert not directory.root.exists()


def test_an_engine_that_has_closed_its_socket_is_waited_for_until_it_is_gone(tmp_path: Path) -> None:
    directory = EngineDirectory(tmp_path)
    directory.ready.touch()
    directory.supervisor_lock.touch()
    with socket.socket(socket.AF_UNIX) as listening, held(directory.supervisor_lock, Mode.EXCLUSIVE, limit_s=1):
        listening.bind(str(directory.socket))
        listening.listen()
        assert takes_clients(directory)
        assert lease._runs(directory)
    supervisor = os.open(directory.supervisor_lock, os.O_RDWR)
    assert try_take(supervisor, Mode.EXCLUSIVE)
    assert not takes_clients(directory)
    threading.Timer(0.2, os.close, (supervisor,)).start()
    assert not lease._runs(directory)


def test_the_usual_path_is_short_enough() -> None:
    assert EngineDirectory(Path("/var/lib/inception/engine")).too_long_socket() is None


def test_engines_in_different_places_have_different_marks() -> None:
    tags = {EngineDirectory(Path(f"/{name}")).tag for name in "abc"}
    assert len(tags) == 3
    assert max(map(len, tags)) <= 15, "a link's name is longer than the kernel takes (IFNAMSIZ)"


@pytest.mark.parametrize(
    ("resolv_conf", "behind", "found"),
    [
        ("nameserver 127.0.0.53\n", BEHIND, True),
        ("nameserver 127.0.0.53\nnameserver ::1\n", BEHIND, True),
        ("nameserver 127.0.0.1\n", None, False),
        ("nameserver 127.0.0.53\nnameserver 192.0.2.1\n", BEHIND, False),
        ("nameserver 192.0.2.1\n", BEHIND, False),
        ("search example.org\n", BEHIND, False),
        (None, BEHIND, False),
    ],
)
def test_upstream_resolvers_replace_the_host_s_loopback_ones(
    tmp_path: Path, resolv_conf: str | None, behind: str | None, found: bool
) -> None:
    lists = {"etc/resolv.conf": resolv_conf, "run/systemd/resolve/resolv.conf": behind}
    for name, content in lists.items():
        if content is not None:
            (tmp_path / name).parent.mkdir(parents=True)
            (tmp_path / name).write_text(content)
    expected = tmp_path / "run/systemd/resolve/resolv.conf" if found else None
    assert reachable_list(tmp_path) == expected
