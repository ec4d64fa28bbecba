"""Run the reader in a container of the engine, where this process cannot read the engine's machine itself."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import docker
from docker.types import LogConfig

from inception.errors import EngineError
from inception.payload import payload_archive
from inception.plan.formats.codec import from_json, to_json
from inception.probe.helper_container import helper_container
from inception.probe.image_store import parse_containerd
from inception.probe.reader import REQUEST_FILE, FullReading, ReadRequest

_PAYLOAD = "opt/inception"
PARTS = ("plan", "probe")
"""Subpackages that the reader runs."""
_CAPABILITIES = ("SYS_ADMIN", "SYS_PTRACE", "SYS_CHROOT", "DAC_READ_SEARCH")
"""To nest namespaces and mount; to read the engine's /proc entries; to enter its mounts; to read root's files."""
_TIMEOUT_S = 60


def read_in_container(
    client: docker.APIClient, info: Mapping[str, Any], image_id: str, *, owner_uid: int, owner_gid: int
) -> FullReading:
    """Run the reader in a container of the image, which is removed again; return its reading.

    Raises EngineError if it cannot read, docker.errors.APIError if the engine refuses the container.
    """
    if not image_id:
        raise EngineError(
            f"the machine of engine {info['Name']} can only be read from a container, and the level image is missing",
            remedy="inception image build",
        )
    with _reader(client, image_id) as container:
        request = ReadRequest(
            container=container,
            data_root=info["DockerRootDir"],
            storage_driver=info["Driver"],
            owner_uid=owner_uid,
            owner_gid=owner_gid,
            containerd=parse_containerd(info),
        )
        client.put_archive(container, "/", payload_archive(_PAYLOAD, PARTS))
        client.put_archive(container, "/", _archive_of(request))
        client.start(container)
        status = client.wait(container, timeout=_TIMEOUT_S)["StatusCode"]
        output = client.logs(container, stdout=status == 0, stderr=status != 0).decode(errors="replace")
    if status != 0:
        why = output.strip().splitlines()[-1] if output else f"status {status}"
        raise EngineError(
            f"the machine of engine {info['Name']} cannot be read: {why}", remedy="run this as root on that machine"
        )
    return from_json(FullReading, output)


def _reader(client: docker.APIClient, image_id: str) -> AbstractContextManager[str]:
    return helper_container(
        client,
        image_id,
        ["python3", "-m", "inception.probe.reader"],
        environment={"PYTHONPATH": f"/{_PAYLOAD}"},
        host_config={
            # `host` is the engine's own namespace, the one in which its containers start.
            "pid_mode": "host",
            "cap_add": list(_CAPABILITIES),
            "security_opt": ["seccomp=unconfined", "apparmor=unconfined", "label=disable"],
            "log_config": LogConfig(type=LogConfig.types.JSON),
        },
    )


def _archive_of(request: ReadRequest) -> bytes:
    """Return a tar archive that holds the request, to be unpacked at the container's root."""
    content = to_json(request).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(REQUEST_FILE.lstrip("/"))
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
