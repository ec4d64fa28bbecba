"""Reads the machine of an engine from inside one of its containers, where we cannot see that machine ourselves.

The container shares the engine's PID namespace, so /proc shows the engine, and its files and network through it.
What to read is told in a file, because the container's id is only known once its command is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_type_hints

from inception.plan.facts import HostFacts
from inception.probe.daemon import engine_processes
from inception.probe.host import HostReading, Subject, read_host
from inception.probe.limits import read_limits
from inception.probe.survey import CgroupLimits, HostLimits, LoopDevices, NetworkLimits, Usage

ORDER_FILE = "/opt/inception/order.json"
"""Where the order lies in the container."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to read: the engine that keeps `container` in `data_root`. The rest is as in `Subject`."""

    container: str
    data_root: str
    storage_driver: str
    owner_uid: int
    owner_gid: int


def main() -> None:
    """Print one line of JSON, or fail with a reason on standard error."""
    order = Order(**json.loads(Path(ORDER_FILE).read_text(encoding="utf-8")))
    daemon = next(_engines_of(order), None)
    if daemon is None:
        sys.exit("the engine's process is not to be seen from its own containers")
    subject = Subject(
        daemon=daemon,
        data_root=order.data_root,
        storage_driver=order.storage_driver,
        owner_uid=order.owner_uid,
        owner_gid=order.owner_gid,
    )
    reading = read_host(subject)
    limits = read_limits(subject.process, subject.root)
    json.dump({"reading": asdict(reading), "limits": asdict(limits)}, sys.stdout)


def _engines_of(order: Order) -> Iterator[int]:
    """The engines that keep the container in the data-root: those of other levels may run on the machine too."""
    for pid in engine_processes():
        if Path(f"/proc/{pid}/root/{order.data_root}/containers/{order.container}").is_dir():
            yield pid


def parse_answer(text: str) -> tuple[HostReading, HostLimits]:
    """Read back what `main` printed. Raises ValueError, KeyError or TypeError if it is nothing of the kind."""
    answer = json.loads(text)
    return _reading(answer["reading"]), _limits(answer["limits"])


def _reading(fields: dict[str, Any]) -> HostReading:
    return HostReading(host=HostFacts(**_with_tuples(fields["host"])), bounding_set=fields["bounding_set"])


def _limits(fields: dict[str, Any]) -> HostLimits:
    usages = {
        name: Usage(**fields[name])
        for name, kind in get_type_hints(HostLimits).items()
        if kind == Usage | None and fields[name] is not None
    }
    cgroups = _with_tuples(fields["cgroups"])
    return HostLimits(
        **{
            **fields,
            **usages,
            "loop": LoopDevices(**_with_tuples(fields["loop"])),
            "cgroups": CgroupLimits(**{**cgroups, "hierarchies": tuple(map(tuple, cgroups["hierarchies"]))}),
            "network": NetworkLimits(**_with_tuples(fields["network"])),
        }
    )


def _with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


if __name__ == "__main__":
    main()
