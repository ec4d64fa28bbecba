from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from inception.engine.private.addresses import choose_addresses
from inception.engine.private.daemons import PrivateDaemon, containerd_toml, daemon_json, last_message
from inception.engine.private.layout import EngineDirectory
from inception.errors import EngineError, EngineUnreachable

DIRECTORY = EngineDirectory(Path("/var/lib/inception/engine"))


def test_containerd_keeps_to_the_engine_s_directory() -> None:
    configuration = tomllib.loads(containerd_toml(DIRECTORY))
    places = (configuration["root"], configuration["state"], configuration["grpc"]["address"])
    assert all(Path(place).is_relative_to(DIRECTORY.root) for place in places)
    assert "io.containerd.internal.v1.opt" in configuration["disabled_plugins"]


def test_dockerd_keeps_to_the_engine_s_directory() -> None:
    configuration = json.loads(daemon_json(DIRECTORY, choose_addresses([]), 1400))
    for name in ("containerd", "data-root", "exec-root", "pidfile", "deprecated-key-path"):
        assert Path(configuration[name]).is_relative_to(DIRECTORY.root), name
    assert configuration["hosts"] == [DIRECTORY.address]
    assert configuration["mtu"] == 1400
    assert configuration["cgroup-parent"] == f"/{DIRECTORY.tag}"


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", "its log is empty"),
        ("plain words\n\n", "plain words"),
        (
            'time="x" level=info msg="first"\ntime="x" level=fatal msg="no \\"space\\" left" path=/x\n',
            'no "space" left',
        ),
        ("failed to start daemon: first\n\tsecond", "second"),
    ],
)
def test_last_message(tmp_path: Path, log: str, expected: str) -> None:
    (tmp_path / "log").write_text(log)
    assert last_message(tmp_path / "log") == expected


def test_a_missing_log_counts_as_empty(tmp_path: Path) -> None:
    assert last_message(tmp_path / "log") == "its log is empty"


def running(code: str, log: Path) -> PrivateDaemon:
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=output)
    return PrivateDaemon(name="dockerd", process=process, log=log)


def never() -> None:
    raise EngineUnreachable("nothing yet")


def test_a_daemon_is_waited_for_until_it_answers(tmp_path: Path) -> None:
    daemon = running("import time; time.sleep(60)", tmp_path / "log")
    answers = iter([FileNotFoundError(), ConnectionRefusedError(), EngineUnreachable("busy"), None])

    def ask() -> None:
        if (answer := next(answers)) is not None:
            raise answer

    try:
        daemon.wait_until(ask, timeout_s=10)
    finally:
        daemon.process.kill()
        daemon.process.wait()
    assert next(answers, "none left") == "none left"


def test_a_daemon_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    daemon = running("print('failed to start daemon: no space left on device')", tmp_path / "log")
    with pytest.raises(EngineError, match=r"dockerd of the private engine ended: failed to .* no space left") as caught:
        daemon.wait_until(never, timeout_s=30)
    assert caught.value.remedy == f"see {tmp_path / 'log'}"


def test_a_daemon_that_never_answers_is_given_up(tmp_path: Path) -> None:
    daemon = running("import time; time.sleep(60)", tmp_path / "log")
    try:
        with pytest.raises(EngineError, match=r"did not answer within 0\.1 s"):
            daemon.wait_until(never, timeout_s=0.1)
    finally:
        daemon.stop(timeout_s=10)
    assert daemon.ended


def test_a_daemon_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    daemon = running(code, tmp_path / "log")
    while not daemon.log.read_text():
        assert not daemon.ended
    daemon.stop(timeout_s=0.1)
    assert daemon.process.returncode == -9
