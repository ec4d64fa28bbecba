"""The records of stopped chains: a plan each, in the state directory, which outlives a restart of the machine."""

from __future__ import annotations

from pathlib import Path

from inception.chain.plan_file import read_plan, write_plan
from inception.places import make_private, run_root, state_directory
from inception.plan.chain import ChainPlan
from inception.plan.request import is_name

_PREFIX = "stopped-"


def record_of(name: str) -> Path:
    """Return the file that describes the chain `name` while it is stopped."""
    return state_directory() / f"{_PREFIX}{name}.json"


def write_record(plan: ChainPlan) -> None:
    """Remember the plan of a chain that is being stopped. Raises OSError, or InceptionError without a directory."""
    record = record_of(plan.name)
    make_private(record.parent)
    write_plan(plan, record)


def remove_record(name: str) -> None:
    """Forget a chain that is no longer stopped."""
    record_of(name).unlink(missing_ok=True)


def stopped_plan(name: str, root: Path | None = None) -> ChainPlan | None:
    """Return the plan of the chain `name` of the run root if it is stopped, or is being stopped or started."""
    try:
        plan = read_plan(record_of(name))
    except (OSError, ValueError):
        return None
    # Run roots may share a state directory.
    own = plan.name == name and Path(plan.run_directory) == (root or run_root()) / name
    return plan if own and plan.levels else None


def stopped_names(root: Path | None = None) -> list[str]:
    """Return the names of the stopped chains of the run root, sorted."""
    names = sorted(it.stem.removeprefix(_PREFIX) for it in state_directory().glob(f"{_PREFIX}*.json"))
    return [name for name in names if is_name(name) and stopped_plan(name, root) is not None]
