"""Sets up what the engine of a level does not: a bridge in a shared network namespace, and the TTL of packets."""

from __future__ import annotations

import subprocess
from pathlib import Path

from inception.level.failure import PhaseError
from inception.linux.iptables import choose_iptables
from inception.plan.chain import ChainPlan, LevelPlan
from inception.plan.request import NetworkMode

_DEFAULT_TTL = Path("/proc/sys/net/ipv4/ip_default_ttl")


def own_bridge(plan: ChainPlan, level: LevelPlan) -> str | None:
    """Return the name of the bridge of a level that shares the network of the one above, where docker0 is taken."""
    return f"incept{level.number}" if plan.network is NetworkMode.HOST and level.number > 1 else None


def open_network(plan: ChainPlan, level: LevelPlan) -> None:
    """Choose the iptables, make this level's own bridge, and set a TTL that suffices for a deep chain.

    Raises PhaseError or OSError.
    """
    choose_iptables()
    if (bridge := own_bridge(plan, level)) is not None:
        _run("ip", "link", "add", bridge, "type", "bridge")
        _run("ip", "address", "add", level.subnet.bridge, "dev", bridge)
        _run("ip", "link", "set", bridge, "mtu", str(plan.mtu), "up")
    if plan.packet_ttl is not None:
        _DEFAULT_TTL.write_text(str(plan.packet_ttl))
    if plan.sets_ttl(level.number):
        # A packet passes each table that has rules: this one takes 8 % of what forwarding it takes.
        _run("iptables", "-t", "mangle", "-A", "PREROUTING", "-j", "TTL", "--ttl-set", str(plan.packet_ttl))


def close_network(plan: ChainPlan, level: LevelPlan) -> None:
    """Delete this level's own bridge. Raises PhaseError."""
    if (bridge := own_bridge(plan, level)) is not None:
        _run("ip", "link", "delete", bridge)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PhaseError(f"{' '.join(command)}: {' '.join(done.stderr.split())}")
