"""Reads the machine of an engine from inside one of its containers, where the client cannot see that machine itself.

The container shares the engine's PID namespace, so /proc shows the engine, and its files and network through it.
The request comes in a file: the container's id, which it names, is known only once its command is fixed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from inception.plan.formats.codec import from_json, to_line
from inception.plan.light_dataclasses import dataclass
from inception.probe.daemon import engine_processes
from inception.probe.doctor_facts import HostLimits
from inception.probe.host import MachineReading, Subject, read_host
from inception.probe.limits import read_limits

REQUEST_FILE = "/opt/inception/request.json"
"""Path of the request in the container."""


@dataclass(frozen=True, kw_only=True)
class FullReading:
    """The machine's facts and its limits, read together."""

    machine: MachineReading
    limits: HostLimits


@dataclass(frozen=True, kw_only=True)
class ReadRequest:
    """Request to read the machine of the engine that keeps `container` in `data_root`; the rest is as in `Subject`."""

    container: str
    data_root: str
    storage_driver: str
    owner_uid: int
    owner_gid: int
    containerd: str | None


def main() -> None:
    """Print one line of JSON, or fail with a reason on standard error."""
    request = from_json(ReadRequest, Path(REQUEST_FILE).read_text(encoding="utf-8"))
    daemon = next(_engines_of(request), None)
    if daemon is None:
        sys.exit("the engine's process cannot be found from its own containers")
    subject = Subject(
        daemon=daemon,
        data_root=request.data_root,
        storage_driver=request.storage_driver,
        owner_uid=request.owner_uid,
        owner_gid=request.owner_gid,
        containerd=request.containerd,
    )
    reading = FullReading(machine=read_host(subject), limits=read_limits(subject.process, subject.root))
    sys.stdout.write(to_line(reading))


def _engines_of(request: ReadRequest) -> Iterator[int]:
    """Yield the engines that keep the container in the data-root: other levels' engines may run here too."""
    for pid in engine_processes():
        if Path(f"/proc/{pid}/root/{request.data_root}/containers/{request.container}").is_dir():
            yield pid


if __name__ == "__main__":
    main()
