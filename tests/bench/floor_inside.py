"""Runs in place of the runner, as `inception.level.__main__`: prepares level 1 like one, then times the bare daemons.

Preparing and grafting are not counted. What is: containerd until its socket answers, dockerd on it until its first
ping, and a container of the level image from its creation until its first instruction.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inception.level.early.daemons import start_containerd
from inception.level.engine.daemons import CONTAINERD_SOCKET, level_configuration, start_dockerd
from inception.level.images.graft import Seed, plan_graft
from inception.level.runner import prepare
from inception.linux import fds
from inception.plan.chain import ChainPlan
from inception.plan.paths import DATA_ROOT, SEEDS_DIRECTORY
from inception.plan.protocol import Variable

_DATA_ROOT = Path(DATA_ROOT)
_POLL_S = 0.001
_LIMIT_S = 60.0
_FIFO = Path("/run/first-instruction")
_STOP_S = 15.0


class _Connection(http.client.HTTPConnection):
    """HTTP over the engine's unix socket, without an SDK."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def _ask(path: str, method: str, url: str, body: object = None) -> Any:  # noqa: ANN401 JSON holds anything
    connection = _Connection(path)
    headers = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, url, json.dumps(body) if body is not None else None, headers)
    response = connection.getresponse()
    text = response.read()
    if response.status >= http.client.BAD_REQUEST:
        raise RuntimeError(f"{method} {url}: {text.decode()}")
    return json.loads(text) if text.startswith(b"{") else None


def _until(works: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + _LIMIT_S
    while True:
        try:
            works()
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(_POLL_S)
        else:
            return


def _dial(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))


def main() -> None:
    """Time the daemons of level 1 and write floor.json to the run directory."""
    fds.close_inherited()
    plan = ChainPlan.from_json(Path(os.environ[Variable.PLAN]).read_text())
    level = plan.level(1)
    prepare(plan, level)
    seed = Seed.read(Path(SEEDS_DIRECTORY / level.seed))
    plan_graft(seed, _DATA_ROOT).execute()
    os.mkfifo(_FIFO)
    api = str(plan.paths.socket(1))

    moments = [time.monotonic()]
    containerd = start_containerd(_DATA_ROOT, Path(plan.paths.log(1, "containerd")))
    _until(lambda: _dial(CONTAINERD_SOCKET))
    moments.append(time.monotonic())
    configuration = level_configuration(plan, level, _DATA_ROOT, seed)
    dockerd = start_dockerd(configuration, Path(plan.paths.log(1, "dockerd")))
    _until(lambda: _ask(api, "GET", "/_ping"))
    moments.append(time.monotonic())
    wanted = {
        "Image": seed.image_id,
        "Entrypoint": ["sh", "-c", "echo > /first"],
        "HostConfig": {"Binds": [f"{_FIFO}:/first"], "LogConfig": {"Type": "none"}},
    }
    container = _ask(api, "POST", "/v1.41/containers/create", wanted)["Id"]
    moments.append(time.monotonic())
    # Opened for both, so that it blocks on what is written and not on who opens it.
    with _FIFO.open("rb+", buffering=0) as first:
        _ask(api, "POST", f"/v1.41/containers/{container}/start")
        first.read(1)
    moments.append(time.monotonic())
    _ask(api, "DELETE", f"/v1.41/containers/{container}?force=1&v=1")
    for daemon in (dockerd, containerd):
        daemon.stop(_STOP_S)
    names = ("containerd_s", "dockerd_s", "create_s", "start_s")
    took = {name: moments[index + 1] - moments[index] for index, name in enumerate(names)}
    (Path(plan.run_directory) / "floor.json").write_text(json.dumps(took))


if __name__ == "__main__":
    main()
