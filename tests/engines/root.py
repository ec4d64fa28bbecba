"""Make a Debian root with the Docker engine of a suite, once: it is kept in .cache."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_PACKAGES = (
    "docker.io",
    "docker-cli",
    "containerd",
    "runc",
    "iptables",
    "iproute2",
    "mount",
    "procps",
    "ca-certificates",
)
# A suite in development, or a mirror that is behind, has a Release file that is past its date.
_APT_OPTIONS = ('Acquire::Check-Valid-Until "false"', 'APT::Install-Recommends "false"')


def make_root(cache: Path, suite: str) -> Path:
    """Return the directory of `suite`'s root below `cache`. Raises CalledProcessError if it cannot be made."""
    root = cache / "roots" / suite
    if root.is_dir():
        return root
    part = root.with_name(f"{suite}.part")
    if part.exists():
        shutil.rmtree(part)
    part.parent.mkdir(parents=True, exist_ok=True)
    # In namespaces of its own: ended by a signal, it would leave the host's /proc and /dev mounted there.
    confined = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--")
    options = (*(f"--aptopt={option}" for option in _APT_OPTIONS), f"--include={','.join(_PACKAGES)}")
    command = ("mmdebstrap", "--variant=essential", "--format=directory", *options, suite, str(part))
    subprocess.run((*confined, *command), check=True)
    part.rename(root)
    return root
