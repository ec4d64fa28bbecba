"""Start the process that carries a forward or an exposure of a running chain."""

from __future__ import annotations

import os
import subprocess
import sys

from inception.chain.forwarding.forward import Exposure, Forward
from inception.chain.forwarding.records import forwards_of, record_path, write_record
from inception.chain.publishing.proxy import READY
from inception.chain.publishing.publish import import_path
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
    process = subprocess.Popen(
        [
            *("setsid", "--fork", sys.executable, "-m", "inception.chain.forwarding.process"),
            *(str(plan.paths.plan), str(record)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": import_path()},
    )
    with process:
        lines = process.stdout.read().split("\n") if process.stdout else []
    if READY not in lines:
        reason = next(filter(None, reversed(lines)), "its process ended")
        raise ChainError(f"cannot forward {carried}: {reason}", remedy="see: inception tree, or choose another port")
