"""The naive way down, to measure ours against: what everyone does by hand, on the same image, engine and privileges."""

from __future__ import annotations

import shutil
import tempfile
import time
from importlib.resources import files
from pathlib import Path

import docker

from inception.plan.chain import LABEL_CHAIN
from inception.plan.privileges import Privileges
from tests.bench.ours import Descent

_POLL_S = 0.05
_LIMIT_S = 60
"""Seconds that one naive level may take."""


def _run_options(privileges: Privileges) -> list[str]:
    options = ["--volume=/bench:/bench", "--volume=/var/lib/docker", "--cgroupns=private"]
    if privileges.privileged:
        return [*options, "--privileged"]
    options += [f"--cap-add={name}" for name in privileges.capabilities]
    options += [f"--security-opt={it}=unconfined" for it in ("seccomp", "apparmor", "systempaths")]
    return [*options, "--device-cgroup-rule=a *:* rwm"]


def descend_naively(client: docker.APIClient, image: str, privileges: Privileges, depth: int) -> Descent:
    """Go `depth` levels down the naive way and up again. Raises TimeoutError."""
    with tempfile.TemporaryDirectory(prefix="inception-bench-") as name:
        directory = Path(name)
        shutil.copyfile(str(files("tests.bench") / "naive.sh"), directory / "naive.sh")
        with (directory / "image.tar").open("wb") as tarball:
            tarball.writelines(client.get_image(image))
        config = client.create_host_config(
            binds=[f"{directory}:/bench"],
            privileged=privileges.privileged,
            cap_add=list(privileges.capabilities) or None,
            security_opt=["seccomp=unconfined", "apparmor=unconfined"],
            device_cgroup_rules=["a *:* rwm"],
        )
        config |= {"CgroupnsMode": "private", "MaskedPaths": [], "ReadonlyPaths": []}
        command = ["sh", "/bench/naive.sh", "1", str(depth), image, *_run_options(privileges)]
        begun_s = time.monotonic()
        container = client.create_container(
            image, command, host_config=config, volumes=["/var/lib/docker"], labels={LABEL_CHAIN: "naive-bench"}
        )
        try:
            client.start(container)
            ready_s = _wait_for_bottom(client, container["Id"], directory, depth, begun_s)
            down_s = time.monotonic() - begun_s
            turned_s = time.monotonic()
            (directory / "unwind").touch()
            client.wait(container, timeout=_LIMIT_S * depth)
        finally:
            client.remove_container(container, force=True, v=True)
        return Descent(depth=depth, down_s=down_s, up_s=time.monotonic() - turned_s, ready_s=ready_s)


def _wait_for_bottom(
    client: docker.APIClient, container: str, directory: Path, depth: int, begun_s: float
) -> tuple[float, ...]:
    answered: list[float] = []
    deadline_s = begun_s + _LIMIT_S * depth
    ready = directory / "naive.ready"
    while len(answered) < depth:
        if time.monotonic() > deadline_s or not client.inspect_container(container)["State"]["Running"]:
            log = client.logs(container, tail=5).decode(errors="replace")
            raise TimeoutError(f"the naive way stopped at level {len(answered) + 1} of {depth}: {log}")
        lines = ready.read_text().splitlines() if ready.exists() else []
        # /proc/uptime and CLOCK_MONOTONIC run alike, as long as the machine does not sleep.
        answered = [float(line.split()[1]) - begun_s for line in lines]
        time.sleep(_POLL_S)
    return tuple(answered)
