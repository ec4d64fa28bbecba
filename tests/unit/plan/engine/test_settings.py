from __future__ import annotations

import json
from typing import Any

import pytest

from inception.plan.engine.settings import (
    CONTAINER_LOGS,
    NEEDED_BY_LEVELS,
    NEEDED_BY_STANDALONE,
    DockerdConfiguration,
    SettingsFile,
    configure,
    open_files,
)

MTU_OF_NETWORKS = {"bridge": {"com.docker.network.driver.mtu": "1400"}}


def _configure(
    own: dict[str, Any],
    *files: dict[str, Any],
    arguments: tuple[str, ...] = (),
    version: str = "26.1.5+dfsg1",
    needed: frozenset[str] = NEEDED_BY_LEVELS,
) -> DockerdConfiguration:
    given = [SettingsFile(source="/etc/docker/daemon.json", text=json.dumps(it)) for it in files]
    return configure(own, needed=needed, files=given, arguments=arguments, engine_version=version)


def _settings(configuration: DockerdConfiguration) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(configuration.settings)
    return settings


def test_every_bridge_network_gets_the_mtu_of_docker0() -> None:
    made = _configure({"mtu": 1400})
    assert _settings(made) == {"mtu": 1400, "default-network-opts": MTU_OF_NETWORKS}
    assert made.notes == ()


def test_the_usual_mtu_needs_no_network_option() -> None:
    assert _settings(_configure({"mtu": 1500}, version="20.10.24")) == {"mtu": 1500}


def test_an_engine_without_network_options_is_noted_with_the_remedy() -> None:
    made = _configure({"mtu": 1400}, version="20.10.24+dfsg1")
    assert _settings(made) == {"mtu": 1400}
    (note,) = made.notes
    assert "20.10.24+dfsg1" in note
    assert "docker network create --opt com.docker.network.driver.mtu=1400" in note


def test_a_users_network_option_stays() -> None:
    theirs = {"default-network-opts": {"bridge": {"com.docker.network.driver.mtu": "1300"}}}
    assert _settings(_configure({"mtu": 1400}, theirs))["default-network-opts"] == theirs["default-network-opts"]


def test_a_file_is_obeyed_where_dockerd_refused_a_setting_given_twice() -> None:
    made = _configure({"mtu": 1500, "log-level": "warn"}, {"mtu": 1400, "log-level": "debug"})
    assert _settings(made) == {"mtu": 1400, "log-level": "debug", "default-network-opts": MTU_OF_NETWORKS}
    assert made.arguments == ()


def test_a_setting_that_a_level_needs_is_ignored_in_a_file_and_noted_by_name() -> None:
    made = _configure({"data-root": "/var/lib/docker"}, {"data-root": "/elsewhere", "debug": True})
    assert _settings(made) == {"data-root": "/var/lib/docker", "debug": True}
    assert made.notes == ("/etc/docker/daemon.json sets data-root, which is fixed here: this setting is ignored",)


def test_a_file_adds_registries_and_replaces_name_servers() -> None:
    own = {"registry-mirrors": ["https://a.example"], "dns": ["192.0.2.1"], **open_files(1 << 20)}
    theirs = {"registry-mirrors": ["https://b.example"], "dns": ["192.0.2.2"], "default-ulimits": {"core": {}}}
    made = _settings(_configure(own, theirs))
    assert made["registry-mirrors"] == ["https://a.example", "https://b.example"]
    assert made["dns"] == ["192.0.2.2"]
    assert set(made["default-ulimits"]) == {"nofile", "core"}


def test_what_the_command_line_sets_leaves_the_file() -> None:
    own = {"mtu": 1500, "hosts": ["unix:///run/docker.sock"], "log-level": "warn", **open_files(1 << 20)}
    arguments = ("-H", "tcp://127.0.0.1:1", "-D", "--log-level=debug", "--default-ulimit=core=0")
    made = _configure(own, arguments=arguments, needed=NEEDED_BY_STANDALONE)
    assert _settings(made) == {"mtu": 1500}
    assert made.arguments == (
        "--default-ulimit=nofile=1024:524288",
        "--host=unix:///run/docker.sock",
        *arguments,
    )


@pytest.mark.parametrize("arguments", [("--mtu=1400",), ("--mtu", "1400")])
def test_an_mtu_on_the_command_line_reaches_every_network(arguments: tuple[str, ...]) -> None:
    made = _configure({"mtu": 1500}, arguments=arguments)
    assert _settings(made) == {"default-network-opts": MTU_OF_NETWORKS}


@pytest.mark.parametrize(
    ("hard", "limits"), [(1 << 20, (1024, 524288)), (4096, (1024, 4096)), (20, (20, 20)), (524288, (1024, 524288))]
)
def test_containers_have_todays_limits_of_open_files(hard: int, limits: tuple[int, int]) -> None:
    nofile = open_files(hard)["default-ulimits"]["nofile"]
    assert (nofile["Soft"], nofile["Hard"]) == limits


@pytest.mark.parametrize(("text", "said"), [("{", "x.json is not JSON"), ("[]", "x.json is not a JSON object")])
def test_a_file_without_settings_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SettingsFile(source="x.json", text=text).settings()
    assert SettingsFile(source="x.json", text=" \n").settings() == {}


def test_container_logs_are_limited_and_a_users_option_is_added() -> None:
    own = dict(CONTAINER_LOGS)
    limits = {"max-size": "10m", "max-file": "3"}
    assert _settings(_configure(own)) == {"log-opts": limits}
    assert _settings(_configure(own, {"log-opts": {"max-size": "1m"}})) == {"log-opts": {**limits, "max-size": "1m"}}
    made = _configure(own, arguments=("--log-opt", "tag=it"))
    assert made.arguments == ("--log-opt=max-size=10m", "--log-opt=max-file=3", "--log-opt", "tag=it")
    assert "log-opts" not in _settings(made)


def test_a_users_log_driver_gets_no_option_of_another_driver() -> None:
    own = dict(CONTAINER_LOGS)
    assert _settings(_configure(own, {"log-driver": "syslog"})) == {"log-driver": "syslog"}
    made = _configure(own, arguments=("--log-driver=syslog",))
    assert (_settings(made), made.arguments) == ({}, ("--log-driver=syslog",))
