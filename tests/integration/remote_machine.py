"""Boot a plain dockerd in a container, on TCP with TLS: `python3 -c THIS PORT CERTIFICATES`, see remote_engine.py.

The machine is a container, so it needs the same preparation for an engine as a level.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from inception.level.early.daemons import start_containerd
from inception.level.engine import daemons
from inception.linux import cgroups
from inception.linux.mounts import RemountWritable, parse_mountinfo
from inception.plan.chain import CgroupNamespace

_BOOT_S = 60


def main(port: str, certificates: str) -> None:
    """Make the container fit for an engine, start containerd, and become dockerd."""
    RemountWritable(target=Path("/sys")).execute()
    cgroups.open_hierarchies(CgroupNamespace.PRIVATE, parse_mountinfo(Path("/proc/self/mountinfo").read_text()))
    containerd = start_containerd(Path("/var/lib/docker"), Path("/run/containerd.log"))
    daemons.wait_for_socket(daemons.CONTAINERD_SOCKET, containerd, _BOOT_S)
    command = [
        "dockerd",
        f"--containerd={daemons.CONTAINERD_SOCKET}",
        "--tlsverify",
        f"--tlscacert={certificates}/ca.pem",
        f"--tlscert={certificates}/server.pem",
        f"--tlskey={certificates}/server-key.pem",
        f"--host=tcp://0.0.0.0:{port}",
        "--bip=172.29.0.1/24",
        "--default-address-pool=base=172.28.0.0/16,size=24",
        "--log-level=warn",
    ]
    os.execvp(command[0], command)  # noqa: S606 - it takes our place


if __name__ == "__main__":
    main(*sys.argv[1:])
