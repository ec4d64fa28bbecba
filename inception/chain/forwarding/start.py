"""Start the process that carries a forward or an exposure of a running chain."""

from __future__ import annotations

from inception.chain.background import start_background
from inception.chain.forwarding.forward import Exposure, Forward
from inception.chain.forwarding.records import forwards_of, record_path, write_record
from inception.errors import ChainError
from inception.plan.chain import ChainPlan


def start(plan: ChainPlan, carried: Forward | Exposure) -> None:
    """Start it and return once the port is open; it ends with the chain. Raises ChainError."""
    if plan.remote:
        raise ChainError(
            f"the levels of chain {plan.name} are on {plan.endpoint}, out of reach of this machine's ports",
            remedy="use inception forward on that machine",
        )
    if record_path(plan, carried) in {record_path(plan, it) for it in forwards_of(plan)}:
        raise ChainError(f"chain {plan.name} forwards that already", remedy="choose another port, or see: inception ls")
    record = write_record(plan, carried)
    failure = start_background("inception.chain.forwarding.process", str(plan.paths.plan), str(record))
    if failure is not None:
        reason = failure or "its process ended"
        raise ChainError(f"cannot forward {carried}: {reason}", remedy="see: inception tree, or choose another port")
