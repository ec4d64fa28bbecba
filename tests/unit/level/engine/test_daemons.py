from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inception.level.early.processes import Daemon
from inception.level.engine import daemons
from inception.level.engine.daemons import level_configuration, wait_for_socket
from inception.level.failure import PhaseError
from inception.level.images.graft import Seed
from inception.plan.chain import ChainPlan
from inception.plan.engine.options import parse_dockerd_argument, parse_level_runtime
from inception.plan.engine.settings import DockerdConfiguration
from inception.plan.request import ImageStore
from tests.factories.plans import plan

SEED = Seed(directory=Path("/seed"), image_id="sha256:1", store=ImageStore.OVERLAY2, engine_version="26.1.5")


@pytest.fixture
def image_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the path of the daemon.json in a level's image, which does not exist yet."""
    path = tmp_path / "daemon.json"
    monkeypatch.setattr(daemons, "_IMAGE_SETTINGS", path)
    return path


def _settings(made: ChainPlan, number: int) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(_configuration(made, number).settings)
    return settings


def _configuration(made: ChainPlan, number: int) -> DockerdConfiguration:
    return level_configuration(made, made.level(number), Path("/var/lib/docker"), SEED)


@pytest.mark.usefixtures("image_settings")
def test_dockerd_gets_its_own_subnet_and_both_sockets() -> None:
    made = plan(depth=3, dns=("192.168.0.1",))
    settings = _settings(made, 2)
    assert settings["bip"] == made.level(2).subnet.bridge
    assert settings["hosts"] == ["unix:///run/docker.sock", "unix:///run/inception/dream/2/docker.sock"]
    assert settings["mtu"] == 1400
    assert settings["dns"] == ["192.168.0.1"]
    assert [pool["base"] for pool in settings["default-address-pools"]] == list(made.level(2).subnet.address_pools)
    assert settings["default-ulimits"]["nofile"] == {"Name": "nofile", "Soft": 1024, "Hard": 20_000}


@pytest.mark.usefixtures("image_settings")
def test_registries_reach_every_level_and_dockerds_options_those_that_are_named() -> None:
    made = plan(
        depth=3,
        registry_mirrors=("https://mirror.example",),
        insecure_registries=("192.0.2.0/24",),
        dockerd=(parse_dockerd_argument("2-:--log-level=debug"), parse_dockerd_argument("--max-download-attempts=9")),
    )
    for number in (1, 2, 3):
        configuration = _configuration(made, number)
        settings = json.loads(configuration.settings)
        assert settings["registry-mirrors"] == ["https://mirror.example"]
        assert settings["insecure-registries"] == ["192.0.2.0/24"]
        assert "--max-download-attempts=9" in configuration.arguments
        assert ("--log-level=debug" in configuration.arguments) == (number >= 2)
        assert settings.get("log-level") == (None if number >= 2 else "warn")


@pytest.mark.usefixtures("image_settings")
def test_the_engines_of_some_levels_run_containers_by_the_runtime_named_for_them() -> None:
    made = plan(depth=4, runtimes=tuple(map(parse_level_runtime, ("2-=crun", "3=/opt/bin/crun-1", "4=runc"))))
    keys = ("default-runtime", "runtimes")
    found = [{key: it for key, it in _settings(made, number).items() if key in keys} for number in range(1, 5)]
    assert found == [
        {},
        {"default-runtime": "crun", "runtimes": {"crun": {"path": "crun"}}},
        {"default-runtime": "crun-1", "runtimes": {"crun-1": {"path": "/opt/bin/crun-1"}}},
        {"default-runtime": "runc"},
    ]


def test_the_images_settings_are_obeyed_but_for_those_of_the_plan(image_settings: Path) -> None:
    image_settings.write_text('{"mtu": 1300, "log-level": "debug", "bip": "10.0.0.1/24"}')
    made = plan(depth=2)
    assert _settings(made, 2)["log-level"] == "debug"
    assert _settings(made, 2)["mtu"] == 1300
    assert _settings(made, 2)["bip"] == made.level(2).subnet.bridge
    assert [note.split(",")[0] for note in _configuration(made, 2).notes] == [f"{image_settings} sets bip"]
    assert _settings(plan(depth=2, mtu=1450), 2)["mtu"] == 1450


def test_store_of_the_seed_goes_before_that_of_the_image(image_settings: Path) -> None:
    image_settings.write_text('{"features": {"cdi": true, "containerd-snapshotter": true}}')
    settings = _settings(plan(depth=1), 1)
    assert settings["features"] == {"cdi": True, "containerd-snapshotter": False}
    assert settings["storage-driver"] == "overlay2"


def test_settings_of_the_image_that_are_no_json_are_named(image_settings: Path) -> None:
    image_settings.write_text("{")
    with pytest.raises(PhaseError, match=r"daemon\.json is not JSON"):
        _settings(plan(depth=1), 1)


def _daemon(code: str) -> Daemon:
    return Daemon("toyd", subprocess.Popen([sys.executable, "-c", code]))


def test_wait_for_socket_waits_until_it_answers(tmp_path: Path) -> None:
    daemon = _daemon("import time; time.sleep(60)")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        wait_for_socket(tmp_path / "socket", daemon, 5)
    assert daemon.stop(5)


def test_wait_for_socket_fails_when_its_daemon_ends(tmp_path: Path) -> None:
    with pytest.raises(PhaseError, match="toyd ended with status 3"):
        wait_for_socket(tmp_path / "socket", _daemon("raise SystemExit(3)"), 30)


def test_wait_for_socket_fails_at_its_deadline(tmp_path: Path) -> None:
    daemon = _daemon("import time; time.sleep(60)")
    with pytest.raises(PhaseError, match=r"toyd did not answer within 0\.2 s"):
        wait_for_socket(tmp_path / "socket", daemon, 0.2)
    assert daemon.stop(5)
