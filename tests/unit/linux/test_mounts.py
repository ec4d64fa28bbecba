"""Mounts made in a mount namespace of the test's own, where the kernel allows one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inception.linux.mounts import ShareMounts

_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "slave")
_SHARE = f"""
from pathlib import Path
from inception.linux.mounts import ShareMounts
{ShareMounts(target=Path("/"))!r}.execute()
print(Path("/proc/self/mountinfo").read_text(), end="")
"""


def test_sharing_names_the_equivalent_command() -> None:
    assert ShareMounts(target=Path("/")).describe() == "mount --make-rprivate / && mount --make-rshared /"


def test_shared_mounts_have_no_master_and_peers_of_their_own() -> None:
    script = _SHARE.replace("PosixPath", "Path")
    if subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no user namespace can be made here")
    done = subprocess.run([*_UNSHARE, sys.executable, "-c", script], capture_output=True, text=True, check=True)
    outside = Path("/proc/self/mountinfo").read_text()
    ours = [_propagation(line) for line in done.stdout.splitlines()]
    assert ours
    assert all(len(fields) == 1 and fields[0].startswith("shared:") for fields in ours)
    assert not {field for fields in ours for field in fields} & {
        field for line in outside.splitlines() for field in _propagation(line)
    }


def _propagation(line: str) -> list[str]:
    """Return the optional fields of a line of mountinfo."""
    fields = line.split(" ")
    return fields[6 : fields.index("-", 6)]


_READ_ONLY = """
import subprocess, sys
from pathlib import Path
from inception.linux.mounts import BindRecursively, MakeReadOnly
root = Path(sys.argv[1])
source, target = root / "source", root / "target"
for directory in (source / "below", target):
    directory.mkdir(parents=True)
subprocess.run(["mount", "-t", "tmpfs", "-o", "nosuid", "tmpfs", source / "below"], check=True)
BindRecursively(source=source, target=source).execute()
MakeReadOnly(target=source).execute()
BindRecursively(source=source, target=target).execute()
for place in (target / "new", target / "below/new"):
    try:
        place.touch()
    except OSError as error:
        print(error.strerror)
print(sum("/below ro,nosuid" in line for line in Path("/proc/self/mountinfo").read_text().splitlines()))
"""


def test_a_directory_and_what_is_mounted_below_it_become_read_only_and_stay_so_where_they_are_bound(
    tmp_path: Path,
) -> None:
    if subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no user namespace can be made here")
    command = [*_UNSHARE, sys.executable, "-c", _READ_ONLY, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # The tmpfs is seen at its first place, which stays writable, at the bind over it and at the target.
    assert done.stdout.splitlines() == ["Read-only file system", "Read-only file system", "2"]
