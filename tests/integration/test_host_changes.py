"""What a private engine changes on its host, done and undone in a network namespace that stands for the host's."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from inception.engine.private.addresses import choose_addresses
from inception.engine.private.host import apply, intended_changes, undo
from inception.engine.private.lease import missing_for_private
from inception.engine.private.network import Link, NetworkNamespace, run

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(missing_for_private() is not None, reason="a private engine cannot be started here"),
]

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
ADDRESSES = choose_addresses([])


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_forwarding_is_enabled_and_restored(tmp_path: Path) -> None:
    with closing(NetworkNamespace()) as host_like:
        host_like.call(FORWARDING.write_text, "0")
        made = tmp_path / "made"

        def changed() -> None:
            for command in Link(name="inceptest0", addresses=ADDRESSES, mtu=1400).host_commands("/proc/self/ns/net"):
                run(command)
            changes = intended_changes("inceptest0", ADDRESSES.host, (made,))
            apply(changes)
            assert FORWARDING.read_text().strip() == "1"
            assert made.is_dir()
            assert ADDRESSES.host in output("ip", "address")
            assert output("iptables-save").count("inceptest0") >= 3
            undo(changes)

        host_like.call(changed)
        assert host_like.call(FORWARDING.read_text).strip() == "0"
        assert not made.exists()
        assert "inceptest0" not in host_like.call(output, "ip", "address")
        assert "inceptest0" not in host_like.call(output, "iptables-save")


@pytest.mark.parametrize("other", ["docker0", "incep89abcdef"])
def test_forwarding_stays_where_another_engine_needs_it(other: str) -> None:
    with closing(NetworkNamespace()) as host_like:
        host_like.call(FORWARDING.write_text, "0")
        changes = host_like.call(intended_changes, "inceptest0", ADDRESSES.host, ())
        host_like.call(apply, changes)
        host_like.call(run, ("ip", "link", "add", other, "type", "bridge"))
        host_like.call(undo, changes)
        assert host_like.call(FORWARDING.read_text).strip() == "1"
