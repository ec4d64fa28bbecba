"""An emulated machine: a kernel and a disk under QEMU, without KVM. It lives as long as the block that boots it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.vm.guest_agent import GuestAgent

QEMU = "qemu-system-x86_64"
MEMORY_MIB = 4096
CPUS = 1
"""More only seem faster: where the kernel patches its own code, an emulation with several threads may run into the
breakpoint that is there meanwhile, and the kernel dies of "Oops: int3" (QEMU before 8.1, the more the busier the host).
"""
BOOT_LIMIT_S = 300.0
PAYLOAD = "/dev/vda"
_MASKED_UNITS = (
    # Nobody logs in, and what wakes up by itself would be found as a difference between two inventories.
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "serial-getty@ttyS0.service",
    "systemd-tmpfiles-clean.timer",
)
_COMMAND_LINE = (
    # Debian's cloud kernel has NVMe and ext4 built in: it needs no initial RAM disk.
    "root=/dev/nvme0n1",
    "rw",
    "console=ttyS0",
    "panic=-1",
    # Guards against speculation; emulated, they only cost time.
    "mitigations=off",
    "systemd.hostname=second-kernel",
    *(f"systemd.mask={unit}" for unit in _MASKED_UNITS),
)
_CONSOLE_TAIL_LINES = 30


class BootError(Exception):
    """The machine did not come up; holds the end of what its console said."""


@dataclass(frozen=True, kw_only=True)
class Drives:
    """What a machine is made of. It leaves `root` as it is: what it writes goes to a file that dies with it.

    `payload` is a tar archive; the machine sees it as the disk `PAYLOAD`.
    """

    kernel: Path
    root: Path
    payload: Path


@contextmanager
def booted(drives: Drives, directory: Path) -> Iterator[GuestAgent]:
    """Boot a machine, its sockets and its console's log in `directory`; it is killed in the end. Raises BootError."""
    console = directory / "console.log"
    agent = GuestAgent(directory / "agent.sock")
    with (directory / "qemu.log").open("wb") as log:
        process = subprocess.Popen(_command(drives, directory), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for_agent(agent, process, console, directory / "qemu.log")
        yield agent
    finally:
        agent.close()
        process.kill()
        process.wait()


def _command(drives: Drives, directory: Path) -> list[str]:
    # The signal at the parent's death, for the case that nobody is left to kill it; others on this machine come first.
    wrapper = ["setpriv", "--pdeathsig", "KILL", "nice"]
    return [
        *wrapper,
        QEMU,
        *("-machine", "q35", "-accel", "tcg", "-smp", str(CPUS), "-m", str(MEMORY_MIB)),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-kernel", str(drives.kernel), "-append", " ".join(_COMMAND_LINE)),
        # Two of a kind would get their names in the order in which the kernel happens to find them.
        *_drive("root", drives.root, "nvme"),
        *_drive("payload", drives.payload, "virtio-blk-pci"),
        *("-device", "virtio-rng-pci", "-device", "virtio-serial-pci"),
        *("-chardev", f"socket,id=agent,path={directory / 'agent.sock'},server=on,wait=off"),
        *("-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
        *("-chardev", f"file,id=console,path={directory / 'console.log'}", "-serial", "chardev:console"),
    ]


def _drive(name: str, file: Path, device: str) -> tuple[str, ...]:
    options = f"if=none,id={name},file={file},format=raw,snapshot=on,cache=unsafe"
    return "-drive", options, "-device", f"{device},drive={name},serial={name}"


def _wait_for_agent(agent: GuestAgent, process: subprocess.Popen[bytes], console: Path, log: Path) -> None:
    deadline_s = time.monotonic() + BOOT_LIMIT_S
    while not agent.answers():
        if process.poll() is not None:
            raise BootError(
                f"{QEMU} ended with status {process.returncode}: {log.read_text().strip()}; "
                f"the console's end:\n{_tail(console)}"
            )
        if time.monotonic() > deadline_s:
            raise BootError(f"no agent answers after {BOOT_LIMIT_S:.0f} s; the console's end:\n{_tail(console)}")
        time.sleep(0.5)


def _tail(console: Path) -> str:
    if not console.exists():
        return "(nothing)"
    return "\n".join(console.read_text(errors="replace").splitlines()[-_CONSOLE_TAIL_LINES:])
