"""The files in the run directory that describe a chain's forwards, each locked by the process that carries it."""

from __future__ import annotations

import json
from pathlib import Path

from inception.chain.forwarding.forward import Exposure, Forward
from inception.linux import flock
from inception.plan.chain import ChainPlan
from inception.plan.formats import codec


def record_path(plan: ChainPlan, carried: Forward | Exposure) -> Path:
    """Return the file of a forward or exposure."""
    if isinstance(carried, Exposure):
        return _directory(plan) / f"{carried.port}-exposed.json"
    return _directory(plan) / f"{carried.address.replace(':', '_')}-{carried.port}-{carried.protocol}.json"


def write_record(plan: ChainPlan, carried: Forward | Exposure) -> Path:
    """Write the file of a forward or exposure and return its path. Raises OSError."""
    path = record_path(plan, carried)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(codec.to_json(carried))
    return path


def read_record(path: Path) -> Forward | Exposure:
    """Return what the file at `path` describes. Raises OSError or ValueError."""
    text = path.read_text()
    if "target" in json.loads(text):
        return codec.from_json(Forward, text)
    return codec.from_json(Exposure, text)


def forwards_of(plan: ChainPlan) -> tuple[Forward | Exposure, ...]:
    """Return the forwards and exposures of a chain whose process lives, sorted."""
    found = []
    for path in sorted(_directory(plan).glob("*.json")):
        try:
            if not flock.is_free(path):
                found.append(read_record(path))
        except (OSError, ValueError):
            continue  # It ended meanwhile.
    return tuple(found)


def _directory(plan: ChainPlan) -> Path:
    return Path(plan.run_directory) / "forwards"
