"""Boot the engine of another root beside the host's: in mount and network namespaces of its own.

Two dockerds in one network namespace remove each other's rules and bridges. A veth pair leads to the host, and no
further: the tests need nothing from outside, but a host that the levels reach.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from inception.engine.client import open_client
from inception.engine.private import cgroups
from inception.engine.private.addresses import EngineAddresses, choose_addresses
from inception.engine.private.network import Link, NetworkNamespace, host_network_locked, keep_from_ipv6, run
from inception.errors import EngineError
from inception.probe.network import read_destinations, read_mtu

_OURSELVES = Path("/proc/self")
_NAME = "incept-engine"
"""Of the directory in /run, the link and the control group."""
_SHARED = Path("/run") / _NAME
ADDRESS = f"unix://{_SHARED}/docker.sock"
_BOOT_S = 60
_STOP_S = 30
_BOOT = """
set -e
root=$1
state=$2
shared=$3
mount --bind "$root" "$root"
for place in proc sys dev tmp; do mount --rbind "/$place" "$root/$place"; done
mount -t tmpfs -o mode=755 tmpfs "$root/run"
for place in /run/inception "$shared"; do mkdir "$root$place"; mount --bind "$place" "$root$place"; done
for place in docker containerd; do
    mkdir -p "$state/$place" "$root/var/lib/$place"
    mount --bind "$state/$place" "$root/var/lib/$place"
done
cat /etc/resolv.conf >"$root/etc/resolv.conf"
mkdir -p "$root/old"
cd "$root"
# Not chroot: below a container's mounts lies the true root of the namespace, where `docker exec` would go.
pivot_root . old
umount --lazy /old
cd /
# An engine in a container loads no AppArmor profile, which would stay in the host's kernel.
export container=docker
# It ends with its parent, which becomes dockerd.
setpriv --pdeathsig TERM containerd >"$shared/containerd.log" 2>&1 &
until [ -S /run/containerd/containerd.sock ]; do sleep 0.05; done
exec dockerd --config-file "$shared/daemon.json" >"$shared/dockerd.log" 2>&1
"""


class Store(StrEnum):
    """Place where an engine keeps its images."""

    OVERLAY2 = "overlay2"
    CONTAINERD = "containerd"


@dataclass(frozen=True, kw_only=True)
class OtherEngine:
    """A running engine."""

    version: str
    driver: str


@contextmanager
def running_engine(root: Path, state: Path, store: Store) -> Iterator[OtherEngine]:
    """Run the engine in `root`, whose images stay in `state`, at ADDRESS; nothing else of it is left in the end.

    Raises EngineError if it does not boot.
    """
    made = [place for place in (Path("/run/inception"), _SHARED) if not place.exists()]
    for place in made:
        place.mkdir(mode=0o755)
    state.mkdir(parents=True, exist_ok=True)
    network = NetworkNamespace()
    try:
        addresses = _link(network)
        (_SHARED / "daemon.json").write_text(_daemon_json(addresses, store))
        command = ("unshare", "--mount", "--propagation", "private", "--", "sh", "-c", _BOOT, "sh")
        dockerd = network.call(subprocess.Popen, (*command, root, state, _SHARED), stdin=subprocess.DEVNULL)
        try:
            yield _wait_for(dockerd)
        finally:
            dockerd.terminate()
            dockerd.wait(_STOP_S)
    finally:
        network.close()
        _remove_traces(made)


def _link(network: NetworkNamespace) -> EngineAddresses:
    with host_network_locked():
        addresses = choose_addresses(read_destinations(_OURSELVES))
        link = Link(name=_NAME, addresses=addresses, mtu=read_mtu(_OURSELVES))
        for command in link.host_commands(network.path):
            run(command)
        keep_from_ipv6(link.name)
    for command in link.inside_commands():
        network.call(run, command)
    return addresses


def _daemon_json(addresses: EngineAddresses, store: Store) -> str:
    return json.dumps(
        {
            "containerd": "/run/containerd/containerd.sock",
            "hosts": [ADDRESS],
            "bip": addresses.bridge,
            "default-address-pools": [{"base": addresses.pool, "size": addresses.pool_prefix}],
            "features": {"containerd-snapshotter": store is Store.CONTAINERD},
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "cgroup-parent": f"/{_NAME}",
            "log-level": "warn",
            **({"storage-driver": "overlay2"} if store is Store.OVERLAY2 else {}),
        }
    )


def _wait_for(dockerd: subprocess.Popen[bytes]) -> OtherEngine:
    deadline = time.monotonic() + _BOOT_S
    while True:
        try:
            with closing(open_client(ADDRESS)) as client:
                info = client.info()
            return OtherEngine(version=info["ServerVersion"], driver=info["Driver"])
        except EngineError:
            if dockerd.poll() is not None or time.monotonic() > deadline:
                for log in sorted(_SHARED.glob("*.log")):
                    print(log.read_text(errors="replace")[-2000:])
                raise
            time.sleep(0.1)


def _remove_traces(made: list[Path]) -> None:
    """Remove log files, directories and control groups, which outlive the processes; the link does not."""
    for file in _SHARED.iterdir():
        file.unlink()
    for place in made:
        with suppress(OSError):  # Somebody else uses it by now.
            place.rmdir()
    for group in cgroups.own_groups(_NAME):
        cgroups.remove(group)
