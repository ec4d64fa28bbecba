"""Boot the engine of a Debian root, in a mount namespace of its own.

Two engines in one network namespace remove each other's rules and bridges. So it is to run in isolation
(`tests.isolated`), without another one; or with a network of its own that leads nowhere.
"""

from __future__ import annotations

import json
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import docker

from inception.engine.client import open_client
from inception.errors import EngineError
from inception.plan.request import ImageStore
from tests.cache import ENGINES
from tests.engines.kinds import Kind, Program
from tests.engines.lock import locked
from tests.engines.root import make_root
from tests.integration.tiny import import_tiny_image

_SHARED = Path("/run/incept-engine")
"""Directory that the engine sees at the same path."""
ADDRESS = f"unix://{_SHARED}/engine.sock"
_SETTINGS = "settings"
_BOOT_S = 60
_STOP_S = 30
_RUN_ROOT = Path("/run/inception")
_ENTER = """
set -e
root=$1
state=$2
shared=$3
shift 3
mount --bind "$root" "$root"
for place in proc sys dev tmp var/tmp; do mount --rbind "/$place" "$root/$place"; done
# Podman's locks lie here, and the addresses that it has given.
mount -t tmpfs tmpfs "$root/dev/shm"
mkdir -p "$root/var/lib/cni"
mount -t tmpfs tmpfs "$root/var/lib/cni"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
for place in /run/inception "$shared"; do mkdir "$root$place"; mount --bind "$place" "$root$place"; done
for place in docker containerd containers; do
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
ip link set lo up
# An engine in a container loads no AppArmor profile, which would stay in the host's kernel.
export container=docker
"""
_DOCKER = """
# It ends with its parent, which becomes dockerd.
setpriv --pdeathsig TERM containerd >"$shared/containerd.log" 2>&1 &
until [ -S /run/containerd/containerd.sock ]; do sleep 0.05; done
exec dockerd --config-file "$shared/settings" >"$shared/dockerd.log" 2>&1
"""
_PODMAN = """
export CONTAINERS_CONF="$shared/settings" PODMAN_IGNORE_CGROUPSV1_WARNING=1
exec podman system service --time=0 "unix://$shared/engine.sock" >"$shared/podman.log" 2>&1
"""


@dataclass(frozen=True, kw_only=True)
class OtherEngine:
    """A running engine, with its version and storage driver."""

    version: str
    driver: str


@contextmanager
def running_engine(kind: Kind, *, state: Path | None = None, own_network: bool = False) -> Iterator[OtherEngine]:
    """Run the engine at ADDRESS. Its images and volumes lie in the directory `state`: by default one in the cache.

    That one serves one engine at a time, others wait. With `own_network` it can run beside another engine. Raises
    EngineError if it does not boot, and CalledProcessError if its root cannot be made.
    """
    root, state = make_root(ENGINES, kind.suite), state or ENGINES / "state" / kind.name
    with locked(state):
        for place in (_RUN_ROOT, _SHARED):
            place.mkdir(mode=0o755, exist_ok=True)
        (_SHARED / _SETTINGS).write_text(_settings(kind))
        script = _ENTER + (_PODMAN if kind.program is Program.PODMAN else _DOCKER)
        network = ("--net",) if own_network else ()
        command = ("unshare", "--mount", *network, "--propagation", "private", "--", "sh", "-c", script, "sh")
        process = subprocess.Popen((*command, root, state, _SHARED), stdin=subprocess.DEVNULL)
        try:
            yield _wait_for(process)
        finally:
            with suppress(EngineError, docker.errors.DockerException):
                remove_containers()
            namespace = _mount_namespace(process.pid)
            process.terminate()
            process.wait(_STOP_S)
            _wait_for_others_in(namespace)


def _mount_namespace(process: int | str) -> str | None:
    with suppress(OSError):
        return str(Path(f"/proc/{process}/ns/mnt").readlink())
    return None


def _wait_for_others_in(namespace: str | None) -> None:
    """Wait until no process of the engine is left: a Podman's clean up after a container, and write into its state."""
    deadline_s = time.monotonic() + _STOP_S
    while namespace is not None and time.monotonic() < deadline_s:
        if all(_mount_namespace(it.name) != namespace for it in Path("/proc").glob("[0-9]*")):
            return
        time.sleep(0.1)


def remove_containers() -> None:
    """Remove all containers with their volumes: a Podman that ends would leave them running. Raises EngineError."""
    with closing(open_client(ADDRESS)) as client:
        for container in client.containers(all=True):
            client.remove_container(container["Id"], force=True, v=True)


def start_first_container() -> None:
    """Run a container: with its first one an engine changes the host for good, by the bridge's routes and tables.

    The kernel looks up to 2 s whether others have the address that it gives the bridge (RFC 4862).
    """
    with closing(open_client(ADDRESS)) as client:
        image = import_tiny_image(client)
        container = client.create_container(image, ["/bin/sleep", "3"])["Id"]
        client.start(container)
        client.wait(container)
        client.remove_container(container)
        client.remove_image(image)


def _settings(kind: Kind) -> str:
    return _podman_settings() if kind.program is Program.PODMAN else _docker_settings(kind.store)


def _docker_settings(store: ImageStore) -> str:
    by_containerd = store is ImageStore.CONTAINERD
    chosen = {"features": {"containerd-snapshotter": True}} if by_containerd else {"storage-driver": store.value}
    return json.dumps(
        {
            "containerd": "/run/containerd/containerd.sock",
            "hosts": [ADDRESS],
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "log-level": "warn",
            **chosen,
        }
    )


def _podman_settings() -> str:
    """Podman asks for 1048576 files and as many processes, which it may not where it lacks CAP_SYS_RESOURCE."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # It lowers its own limit to what the kernel can count.
    processes = int(Path("/proc/sys/kernel/pid_max").read_text())
    if (hard := resource.getrlimit(resource.RLIMIT_NPROC)[1]) != resource.RLIM_INFINITY:
        processes = min(processes, hard)
    ulimits = [f"nofile={files}:{files}", f"nproc={processes}:{processes}"]
    return "\n".join(
        (
            "[containers]",
            f"default_ulimits = {json.dumps(ulimits)}",
            "[network]",
            'network_config_dir = "/run/networks"',
            "[engine]",
            'cgroup_manager = "cgroupfs"',
            'events_logger = "file"',
            # By default a pod's first container is of an image that Podman makes of catatonit, which its root lacks.
            'infra_image = "inception-cli:latest"',
            'infra_command = "sleep infinity"',
            # Seconds for which a process stays after each command that was run in a container: 300 by default.
            "exit_command_delay = 2",
            "",
        )
    )


def _wait_for(process: subprocess.Popen[bytes]) -> OtherEngine:
    deadline = time.monotonic() + _BOOT_S
    while True:
        try:
            with closing(open_client(ADDRESS)) as client:
                return OtherEngine(version=client.version()["Version"], driver=client.info()["Driver"])
        except EngineError:
            if process.poll() is not None or time.monotonic() > deadline:
                for log in sorted(_SHARED.glob("*.log")):
                    print(log.read_text(errors="replace")[-2000:])
                raise
            time.sleep(0.1)
