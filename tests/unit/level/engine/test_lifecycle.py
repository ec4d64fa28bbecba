"""Stopping a level's engine, also when one of its daemons is gone already."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, cast
from unittest.mock import Mock

import pytest

from inception.level.api import client
from inception.level.early.processes import Daemon
from inception.level.engine import client as engine_client
from inception.level.engine import last_containers, lifecycle
from inception.level.engine.lifecycle import LevelEngine
from inception.level.event_log import EventLog
from inception.level.failure import PhaseError
from inception.level.images.graft import Seed, SeedPreload
from inception.plan.events import Phase
from inception.plan.request import ImageStore, ImageTransfer
from tests.factories import plans

_STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"

_SLOW = """import signal, sys, time
signal.signal(15, lambda *_: (time.sleep(0.3), sys.exit()))
print('slow', flush=True)
time.sleep(60)"""


class _Notes:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def note(self, _phase: Phase, message: str) -> None:
        self.messages.append(message)

    @contextmanager
    def phase(self, _phase: Phase, *, log: str | None = None) -> Iterator[None]:
        del log
        yield


def _daemon(name: str, *command: str) -> Daemon:
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    return Daemon(name, process)


def _output(daemon: Daemon) -> IO[bytes]:
    assert isinstance(daemon.process, subprocess.Popen)
    assert daemon.process.stdout
    return daemon.process.stdout


def _engine(*daemons: Daemon) -> tuple[LevelEngine, _Notes]:
    engine = cast("Any", object.__new__(LevelEngine))
    notes = _Notes()
    engine._plan = plans.plan()
    engine._level = engine._plan.level(1)
    engine._events = cast("EventLog", notes)
    engine._daemons = list(daemons)
    engine.data_root = Path("/nowhere")
    engine._stopping = False
    engine._replacing = threading.Lock()
    return engine, notes


def test_stop_kills_a_dockerd_that_has_lost_its_containerd() -> None:
    """It would wait 15 s for containers that ended long ago: it learns of that from containerd only."""
    containerd = _daemon("containerd", "sh", "-c", "kill -KILL $$")
    containerd.process.wait()
    dockerd = _daemon("dockerd", sys.executable, "-c", _STUBBORN)
    assert _output(dockerd).readline() == b"deaf\n"
    engine, notes = _engine(containerd, dockerd)
    begun_s = time.monotonic()
    engine.stop()
    assert time.monotonic() - begun_s < 5
    assert dockerd.process.returncode == -9
    assert notes.messages == ["dockerd did not stop in time and was killed"]
    for daemon in (containerd, dockerd):
        _output(daemon).close()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_stop_reports_no_daemon_that_stops_in_time(count: int) -> None:
    daemons = [_daemon(name, "sleep", "60") for name in ("containerd", "dockerd")[:count]]
    engine, notes = _engine(*daemons)
    engine.stop()
    assert notes.messages == []
    for daemon in daemons:
        assert daemon.process.returncode == -15
        _output(daemon).close()


@pytest.mark.parametrize("kept", [False, True])
def test_containers_of_a_chain_that_is_kept_get_the_time_that_dockerd_gives_them(
    kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, _ = _engine()
    engine._plan = replace(engine._plan, run_directory=str(tmp_path))
    if kept:
        Path(engine._plan.paths.kept).touch()
    killed: list[bool] = []
    monkeypatch.setattr(lifecycle, "_CONTAINERS_S", 0.01)
    monkeypatch.setattr(last_containers, "_DEAF_S", 0.0)
    monkeypatch.setattr(last_containers, "_last_processes", lambda: iter(()))
    monkeypatch.setattr(last_containers, "_kill", lambda processes: killed.append(not list(processes)))
    dockerd = _daemon("dockerd", sys.executable, "-c", _SLOW)
    with _output(dockerd):
        assert _output(dockerd).readline() == b"slow\n"
        engine._daemons = [dockerd]
        engine.stop()
    assert killed == ([] if kept else [True, True])


@pytest.mark.parametrize("store", [ImageStore.OVERLAY2, ImageStore.CONTAINERD])
def test_auto_loads_what_cannot_be_grafted_and_says_why(store: ImageStore, tmp_path: Path) -> None:
    engine, notes = _engine()
    engine._seed = Seed(directory=tmp_path, image_id="sha256:1", store=store)
    engine.data_root = tmp_path / "data-root"
    assert not engine._graft()
    [message] = notes.messages
    assert message.startswith("the image cannot be grafted: [Errno 2] No such file or directory: ")
    assert message.endswith(": loading it instead")


def test_graft_alone_fails_where_the_image_cannot_be_grafted(tmp_path: Path) -> None:
    engine, notes = _engine()
    engine._plan = replace(engine._plan, image_transfer=ImageTransfer.GRAFT)
    engine._seed = Seed(directory=tmp_path, image_id="sha256:1", store=ImageStore.OVERLAY2)
    engine.data_root = tmp_path / "data-root"
    with pytest.raises(PhaseError, match="cannot be grafted") as raised:
        engine._graft()
    assert raised.value.remedy == "use --image-transfer auto or load"
    assert notes.messages == []


@pytest.mark.parametrize("transfer", [ImageTransfer.AUTO, ImageTransfer.GRAFT])
def test_a_preload_that_the_engine_does_not_know_after_a_graft_is_loaded_or_fails(
    transfer: ImageTransfer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preloads = tuple(
        SeedPreload(archive=tmp_path / name, image_ids=(name,), names=(f"{name}:1",)) for name in ("known", "unknown")
    )
    engine, notes = _engine()
    engine._plan = replace(engine._plan, image_transfer=transfer)
    engine._level = engine._plan.level(1)
    engine._image, engine._image_id = "level:1", "sha256:1"
    engine._seed = Seed(directory=tmp_path, image_id="sha256:1", store=ImageStore.OVERLAY2, preloads=preloads)
    known = {"level:1": "sha256:1", "known": "known"}
    loaded: list[Path] = []
    monkeypatch.setattr(engine_client, "connect_level", lambda *_: nullcontext())
    monkeypatch.setattr(
        client, "level_api", lambda *_: Mock(image_id=known.get, image_ids=lambda: frozenset(known.values()))
    )
    monkeypatch.setattr(engine_client, "load_preload", lambda _client, archive, _names: loaded.append(archive))
    if transfer is ImageTransfer.GRAFT:
        with pytest.raises(PhaseError, match="the engine does not know the grafted preloads"):
            engine._check_image(grafted=True)
        return
    engine._check_image(grafted=True)
    assert loaded == [tmp_path / "unknown"]
    assert notes.messages == ["the engine does not know the grafted preloads: loading it instead"]
