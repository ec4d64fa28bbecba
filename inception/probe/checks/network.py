"""Checks of the network: packet filter, forwarding, addresses, MTU, name servers."""

from __future__ import annotations

from ipaddress import ip_address

from inception.plan.facts import HostFacts
from inception.plan.network import DEFAULT_POOL, PoolTooSmall, cut_subnets_somewhere
from inception.probe.checks.check import Check, CheckResult, failed, passed, skipped, warned
from inception.probe.checks.needs import of_host, of_limits
from inception.probe.doctor_facts import DoctorFacts, HostLimits

_MANY_LEVELS = 128
_LEAST_MTU = 576
_SMALL_MTU = 1280


def _judge_iptables(limits: HostLimits) -> CheckResult:
    network = limits.network
    if network.iptables is None:
        return skipped("no iptables here; levels bring their own")
    if network.iptables == "nf_tables" and network.legacy_tables:
        return warned(
            f"nf_tables, but legacy tables hold rules too: {', '.join(network.legacy_tables)}",
            "iptables-legacy-save; update-alternatives --display iptables",
        )
    return passed(network.iptables)


def _judge_forwarding(limits: HostLimits) -> CheckResult:
    if limits.network.forwarding is None:
        return skipped("the kernel does not say")
    if not limits.network.forwarding:
        return warned("off: no container reaches anything outside", "sysctl net.ipv4.ip_forward=1")
    return passed("on")


def _judge_pool(facts: DoctorFacts) -> CheckResult:
    if facts.host is None:
        return skipped(facts.machine_error or "not read")
    taken = facts.host.routes + (facts.engine.networks if facts.engine else ())
    try:
        first = cut_subnets_somewhere(_MANY_LEVELS, taken)[0]
    except PoolTooSmall as error:
        return failed(
            f"no private range has room for {_MANY_LEVELS} levels beside {', '.join(sorted(set(taken)))}",
            f"inception --pool CIDR --depth N  # a /{error.needed_prefix} or wider",
        )
    if first.block.split(".")[0] != DEFAULT_POOL.split(".")[0]:
        return warned(f"{DEFAULT_POOL} is routed already; levels get addresses from {first.block} on", "ip route")
    return passed(f"levels get addresses from {first.block} on, which nothing routes")


def _judge_mtu(host: HostFacts) -> CheckResult:
    measured = f"{host.mtu} bytes, handed inward to every level"
    if host.mtu < _LEAST_MTU:
        return failed(measured, "ip link set dev LINK mtu 1500")
    return warned(measured, "ip link set dev LINK mtu 1500") if host.mtu < _SMALL_MTU else passed(measured)


def _judge_dns(host: HostFacts) -> CheckResult:
    if not host.resolvers:
        return warned("no name server is configured", "inception --dns ADDRESS --depth N")
    listed = ", ".join(host.resolvers)
    if all(ip_address(resolver).is_loopback for resolver in host.resolvers):
        return warned(f"{listed}: no container reaches a loopback address", "inception --dns ADDRESS --depth N")
    return passed(listed)


NETWORK_CHECKS = (
    Check(
        name="iptables",
        why="Each level masquerades for the next. The kernel applies rules of both kinds; an engine sees only one.",
        judge=of_limits(_judge_iptables),
    ),
    Check(
        name="forwarding",
        why="Every level's packets are routed by all the levels above and by the host.",
        judge=of_limits(_judge_forwarding),
    ),
    Check(
        name="routes",
        why="An engine sees only its parent's routes: a subnet that an ancestor routes cuts a level off from there.",
        judge=_judge_pool,
    ),
    Check(
        name="mtu",
        why="A link inside that takes larger packets than one outside loses them where path discovery is filtered.",
        judge=of_host(_judge_mtu),
    ),
    Check(
        name="dns",
        why="A resolver on a loopback address is there for the host alone.",
        judge=of_host(_judge_dns),
    ),
)
