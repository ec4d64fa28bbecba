"""The private engine's network: a namespace of its own, and one link to the host.

So its bridges and firewall rules never touch those of the host, nor of an engine that runs there.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from ipaddress import IPv4Interface
from pathlib import Path
from typing import ParamSpec, TypeVar

from inception.engine.private.addresses import EngineAddresses
from inception.engine.private.kernel import CLONE_NEWNET, unshare
from inception.engine.translate import one_line, reason
from inception.errors import EngineError
from inception.linux.flock import Mode, take_within
from inception.plan.light_dataclasses import dataclass

_LOCK_TIMEOUT_S = 20.0
_COMMAND_TIMEOUT_S = 20.0
_INSIDE_LINK = "eth0"
_REMEDY = "a private engine needs a root that may change the network; or name another engine with DOCKER_HOST"

P = ParamSpec("P")
R = TypeVar("R")


class NetworkNamespace:
    """A network namespace, alive as long as this object is open or a process is in it.

    A thread holds it: only that thread's calls, and the processes that it starts, are inside.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._thread.submit(unshare, CLONE_NEWNET).result()
        self.path = f"/proc/{os.getpid()}/task/{self.call(threading.get_native_id)}/ns/net"

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `function` inside the namespace; return or raise as it does."""
        return self._thread.submit(function, *args, **kwargs).result()

    def close(self) -> None:
        """Release the namespace; the kernel removes it with its last process."""
        self._thread.shutdown()


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of the host's iptables."""

    table: str
    chain: str
    arguments: tuple[str, ...]

    def command(self, action: str) -> tuple[str, ...]:
        """Return the iptables command for `action`: `-I` inserts the rule as the first, `-D` deletes it."""
        return ("iptables", "--wait", "-t", self.table, action, self.chain, *self.arguments)


@dataclass(frozen=True, kw_only=True)
class Link:
    """The pair of virtual Ethernet links between the host, where it is called `name`, and the engine."""

    name: str
    addresses: EngineAddresses
    mtu: int

    def host_commands(self, namespace: str) -> tuple[tuple[str, ...], ...]:
        """Return the commands that create the link, its other end in the network namespace at the path `namespace`."""
        mtu = str(self.mtu)
        ends = ("type", "veth", "peer", "name", _INSIDE_LINK, "mtu", mtu, "netns", namespace)
        return (
            ("ip", "link", "add", self.name, "mtu", mtu, *ends),
            ("ip", "address", "add", self.addresses.host, "dev", self.name),
            ("ip", "link", "set", self.name, "up"),
        )

    def inside_commands(self) -> tuple[tuple[str, ...], ...]:
        """Return the commands that configure the engine's end, to be run inside its namespace."""
        return (
            ("ip", "link", "set", "lo", "up"),
            ("ip", "address", "add", self.addresses.inside, "dev", _INSIDE_LINK),
            ("ip", "link", "set", _INSIDE_LINK, "up"),
            ("ip", "route", "add", "default", "via", self.addresses.gateway),
        )


def rules(link: str, host_address: str, tag: str) -> tuple[Rule, ...]:
    """Return the rules that let packets from behind `link` out and their answers in, whatever else the host forwards.

    `host_address` (CIDR) is the host's end of the link. `tag` marks the rules.
    """
    comment = ("-m", "comment", "--comment", tag)
    behind = str(IPv4Interface(host_address).network)
    answers = ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED")
    return (
        Rule(table="nat", chain="POSTROUTING", arguments=("-s", behind, "!", "-o", link, *comment, "-j", "MASQUERADE")),
        Rule(table="filter", chain="FORWARD", arguments=("-i", link, *comment, "-j", "ACCEPT")),
        Rule(table="filter", chain="FORWARD", arguments=("-o", link, *answers, *comment, "-j", "ACCEPT")),
    )


def run(command: tuple[str, ...]) -> None:
    """Run one command of this module. Raises EngineError with its error output."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{command[0]}: {reason(error)}", remedy=_REMEDY) from error
    if done.returncode != 0:
        error_output = one_line(done.stderr) or f"status {done.returncode}"
        raise EngineError(f"{' '.join(command)}: {error_output}", remedy=_REMEDY)


def keep_from_ipv6(link: str) -> None:
    """Disable IPv6 on the link, which the kernel would give an unused address seconds later."""
    with suppress(OSError):  # The kernel has no IPv6, or this file is read-only.
        Path(f"/proc/sys/net/ipv6/conf/{link}/disable_ipv6").write_text("1")


@contextmanager
def host_network_locked() -> Iterator[None]:
    """Hold the lock on the host's network namespace, so that one engine at a time looks for free addresses.

    Raises EngineError if another holds it for too long.
    """
    descriptor = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            take_within(descriptor, Mode.EXCLUSIVE, _LOCK_TIMEOUT_S)
        except BlockingIOError as error:
            raise EngineError("another private engine blocks the choice of addresses", remedy="end that one") from error
        yield
    finally:
        os.close(descriptor)
