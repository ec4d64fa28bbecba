"""Privileges of a level's container: `--privileged` where the engine can, else every capability it holds."""

from __future__ import annotations

from dataclasses import dataclass

from inception.plan.facts import EngineFacts


@dataclass(frozen=True, kw_only=True)
class Privileges:
    """Privileges of a level. `capabilities` (no `CAP_` prefix) is empty when `privileged`.

    An engine whose own bounding set lacks a capability cannot start a `--privileged` container ("unable to apply caps:
    operation not permitted"), but a list of all that it does hold nests just as well.
    """

    privileged: bool
    capabilities: tuple[str, ...] = ()


def choose_privileges(engine: EngineFacts) -> Privileges:
    """Return the strongest privileges that `engine` can give."""
    if engine.privileged:
        return Privileges(privileged=True)
    return Privileges(privileged=False, capabilities=engine.capabilities)
