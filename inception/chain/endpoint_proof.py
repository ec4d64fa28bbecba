"""Prove that a chain's engine is one that this user chose: levels can write the plan, and with it the address.

The proof is a keyed digest (HMAC, RFC 2104) in the run directory. No level reaches its key in the state directory.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from inception.chain.stopped.records import stopped_plan
from inception.engine.endpoint import DEFAULT_ADDRESS, find_endpoint
from inception.engine.private.layout import private_engine_directory
from inception.errors import EngineError
from inception.linux import files
from inception.places import locked, state_directory
from inception.plan.chain import ChainPlan

_KEY = "endpoint.key"
_LOCK = "endpoint.lock"
_KEY_BYTES = 32
_HEX_DIGITS = 64


def prove_endpoint(plan: ChainPlan) -> None:
    """Write the proof into the run directory of a chain that is being made, if its engine will need one.

    Raises OSError, InceptionError.
    """
    if _is_own(plan):
        return
    files.replace(Path(plan.paths.endpoint_proof), _proof(plan, _make_key()))


def check_endpoint(plan: ChainPlan) -> None:
    """Raise EngineError if the plan names an engine that is neither one of this user's own nor proved to be chosen."""
    usual = find_endpoint(None, os.environ).address
    if _is_own(plan) or usual == plan.endpoint or _is_proved(plan) or _is_recorded(plan):
        return
    raise EngineError(
        f"chain {plan.name} names the engine {plan.endpoint}, and nothing proves that you chose it",
        remedy=f"if you did, say so: DOCKER_HOST={plan.endpoint}",
    )


def is_private(plan: ChainPlan) -> bool:
    """Return whether the chain is on this user's private engine."""
    return plan.endpoint == private_engine_directory().address


def _is_own(plan: ChainPlan) -> bool:
    """Return whether the chain is on this machine's usual engine, or on the private one: no gain to a level."""
    return plan.endpoint == DEFAULT_ADDRESS or is_private(plan)


def _is_proved(plan: ChainPlan) -> bool:
    try:
        key = (state_directory() / _KEY).read_text()
        proof = files.read_start(Path(plan.paths.endpoint_proof), _HEX_DIGITS)
    except OSError:
        return False
    return hmac.compare_digest(proof, _proof(plan, key).encode())


def _is_recorded(plan: ChainPlan) -> bool:
    """Return whether the chain was stopped on that engine, which was checked then: no level reaches the record."""
    record = stopped_plan(plan.name, Path(plan.run_directory).parent)
    return record is not None and record.endpoint == plan.endpoint


def _proof(plan: ChainPlan, key: str) -> str:
    # The name keeps a level from giving its chain the engine and the proof of another one.
    return hmac.new(key.encode(), f"{plan.name}\n{plan.endpoint}".encode(), hashlib.sha256).hexdigest()


def _make_key() -> str:
    """Return this user's key; make it if there is none."""
    with locked(_LOCK):
        file = state_directory() / _KEY
        if not file.exists():
            files.replace(file, secrets.token_hex(_KEY_BYTES))
        return file.read_text()
