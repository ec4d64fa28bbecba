"""Chooses between the two iptables, nft and legacy, without loading a module into the host.

A kernel applies the rules of both, but a program sees only its own, and the first use of either loads its modules. So
the modules that the host has loaded already decide.
"""

from __future__ import annotations

import subprocess
from enum import StrEnum
from pathlib import Path

_MODULES = Path("/proc/modules")
_ALTERNATIVES = Path("/etc/alternatives")
_PROGRAMS = ("iptables", "ip6tables")


class Flavour(StrEnum):
    """Kernel interface that the programs use."""

    NFT = "nft"
    LEGACY = "legacy"


def loaded_flavour(modules: str) -> Flavour | None:
    """Return the flavour that is loaded by `modules`, the text of /proc/modules; None if none is, or it is built in."""
    loaded = {line.partition(" ")[0] for line in modules.splitlines()}
    if "nf_tables" in loaded:
        return Flavour.NFT
    return Flavour.LEGACY if "ip_tables" in loaded else None


def choose_iptables() -> None:
    """Make `iptables` in this level the flavour that the kernel supports."""
    # A kernel that takes no modules has no such file.
    flavour = loaded_flavour(_MODULES.read_text()) if _MODULES.exists() else None
    # Nothing is loaded: the kernel has nft built in, or can load it, or is older than nft.
    if flavour is Flavour.LEGACY or (flavour is None and not _answers("iptables-nft")):
        for program in _PROGRAMS:
            link = _ALTERNATIVES / program
            link.unlink(missing_ok=True)
            link.symlink_to(f"/usr/sbin/{program}-legacy")


def _answers(program: str) -> bool:
    return subprocess.run((program, "-S"), capture_output=True, check=False).returncode == 0
