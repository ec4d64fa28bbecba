"""Make a Debian root with the engines of a suite, once: it is kept in the cache."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.engines.lock import locked

_PACKAGES = (
    *("docker.io", "containerd", "runc"),
    # Podman 4 has its networks by CNI; 5 has them by netavark, which its package brings.
    *("podman", "crun", "conmon", "containernetworking-plugins"),
    *("iptables", "nftables", "iproute2", "mount", "procps", "ca-certificates"),
)
# A suite in development, or a mirror that is behind, has a Release file that is past its date.
_APT_OPTIONS = ('Acquire::Check-Valid-Until "false"', 'APT::Install-Recommends "false"')


def make_root(cache: Path, suite: str) -> Path:
    """Return the directory of `suite`'s root below `cache`. Raises CalledProcessError if it cannot be made."""
    root = cache / "roots" / suite
    with locked(root):
        if root.is_dir():
            return root
        part = root.with_name(f"{suite}.part")
        if part.exists():
            shutil.rmtree(part)
        # In namespaces of its own: ended by a signal, it would leave the host's /proc and /dev mounted there.
        confined = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--")
        options = (*(f"--aptopt={option}" for option in _APT_OPTIONS), f"--include={','.join(_PACKAGES)}")
        command = ("mmdebstrap", "--variant=essential", "--format=directory", *options, suite, str(part))
        subprocess.run((*confined, *command), check=True)
        part.rename(root)
    return root
