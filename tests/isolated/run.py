"""Run a command in namespaces of its own; `inside` is what goes on there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from inception.engine.private.network import Link, NetworkNamespace, host_network_locked, keep_from_ipv6, run
from inception.probe.network import read_mtu
from tests.isolated.slot import Slot

_CHECKOUT = Path(__file__).parents[2]
_JOIN = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
"""Script that enters the control groups named before `--`, and becomes the command after it."""
_NAMESPACES = (
    # Whatever ends us, everything inside ends too.
    *("setpriv", "--pdeathsig", "KILL", "--"),
    *("unshare", "--mount", "--pid", "--ipc", "--cgroup", "--propagation", "private", "--fork", "--kill-child", "--"),
)
_ENGINE_VARIABLES = ("DOCKER_HOST", "DOCKER_CONTEXT", "INCEPTION_RUN_ROOT", "INCEPTION_STATE_DIR", "XDG_RUNTIME_DIR")
"""Environment variables that lead to things which are not inside."""
_MARK = "INCEPTION_TESTS_ISOLATED"


def is_isolated() -> bool:
    """Return whether this process runs in isolation."""
    return _MARK in os.environ


def run_isolated(slot: Slot, command: Sequence[str], *, disk: Path, save: Path | None = None) -> int:
    """Run `command` in `slot`, on a copy of `disk`, and return its status; `save` is where that copy goes after it."""
    slot.make_control_groups()
    with closing(NetworkNamespace()) as network:
        _link(slot, network)
        inside = (sys.executable, "-m", "tests.isolated.inside", str(_CHECKOUT), str(disk), str(save or ""))
        joined = ("sh", "-c", _JOIN, "sh", *map(str, slot.control_groups()), "--", *_NAMESPACES, *inside, *command)
        environment = {name: value for name, value in os.environ.items() if name not in _ENGINE_VARIABLES}
        return _wait(network.call(lambda: subprocess.Popen(joined, env={**environment, _MARK: "1"})))


def _wait(process: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:  # The command got it too, and ends in its own time.
            continue
        return status if status >= 0 else 128 - status


def _link(slot: Slot, network: NetworkNamespace) -> None:
    link = Link(name=slot.name, addresses=slot.addresses, mtu=read_mtu(Path("/proc/self")))
    with host_network_locked():
        for command in link.host_commands(network.path):
            run(command)
        keep_from_ipv6(link.name)
        slot.join_host()
    for command in link.inside_commands():
        network.call(run, command)
