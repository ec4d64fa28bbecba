"""The emulated machine that these tests share: a Debian of its own, with control groups v2 and all capabilities."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from inception.image.recipe import default_tag
from tests.integration.conftest import MACHINE_LOCK
from tests.vm.cache import Cache
from tests.vm.disk import CHECKOUT, MODULES, Say, make_drives
from tests.vm.guest import DESCENT_LIMIT_S, SETTLE_LIMIT_S, Ending, Outcome
from tests.vm.guest_agent import Finished, GuestAgent
from tests.vm.machine import BOOT_LIMIT_S, PAYLOAD, QEMU, Drives, booted

CACHE = Cache(CHECKOUT / ".cache" / "vm")
PROGRAM = "/opt/inception/program"
_PACKAGES = {QEMU: "qemu-system-x86", "mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "unshare": "util-linux"}


def _lack() -> str | None:
    """What keeps this machine from emulating another, and what to do about it."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return "the machine to emulate is made on Linux on x86_64: run `make test-vm` there"
    if os.geteuid() != 0:
        return "only root can make the machine's disk: run `make test-vm` as root"
    missing = [package for program, package in _PACKAGES.items() if shutil.which(program) is None]
    return (
        f"not installed: {', '.join(missing)}; `make test-vm` installs them on Debian and Ubuntu" if missing else None
    )


@dataclass(frozen=True)
class SecondKernel:
    """The machine, booted: runs programs in it, and the program that is under test."""

    agent: GuestAgent
    say: Say

    def run(self, *command: str, timeout_s: float = 120.0) -> Finished:
        environment = {
            "HOME": "/root",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONPATH": f"/{MODULES}:{PROGRAM}",
        }
        return self.agent.run(["/usr/bin/env", *command], environment=environment, timeout_s=timeout_s)

    def output(self, *command: str, timeout_s: float = 120.0) -> str:
        """The standard output of a command that must end well."""
        finished = self.run(*command, timeout_s=timeout_s)
        assert finished.status == 0, f"{command} ended with {finished}"
        return finished.stdout

    def descend(self, ending: Ending, *arguments: str) -> Outcome:
        """Run `inception ARGUMENTS` between two inventories of the machine."""
        limit_s = DESCENT_LIMIT_S + SETTLE_LIMIT_S
        return Outcome.from_json(
            self.output("python3", "-m", "tests.vm.guest", ending, *arguments, timeout_s=limit_s).splitlines()[-1]
        )


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Say:
    """Prints a line on the terminal at once: these tests take minutes, and what they measure is worth reading."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    started_s = time.monotonic()

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n[{time.monotonic() - started_s:4.0f} s] {line}", end=" ", flush=True)  # noqa: T201

    return say


@pytest.fixture(scope="session")
def second_kernel(
    pytestconfig: pytest.Config, say: Say, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SecondKernel]:
    """The machine, booted, its engine ready and the program in it; one at a time on one checkout."""
    if lack := _lack():
        pytest.skip(lack)
    directory = tmp_path_factory.mktemp("machine")
    with CACHE.locked():
        drives = _make_drives(pytestconfig, directory, say)
        say("booting")
        with booted(drives, directory) as agent:
            machine = SecondKernel(agent, say)
            machine.output("systemctl", "is-system-running", "--wait", timeout_s=BOOT_LIMIT_S)
            machine.output("mkdir", "-p", PROGRAM)
            machine.output("tar", "--extract", f"--file={PAYLOAD}", f"--directory={PROGRAM}")
            # The first container on a bridge has the kernel give the bridge its addresses, which stay.
            machine.output("docker", "run", "--rm", default_tag(), "true")
            yield machine


def _make_drives(config: pytest.Config, directory: Path, say: Say) -> Drives:
    # An engine of ours runs here for a while, which the inventories of other tests would find.
    MACHINE_LOCK.take(fcntl.LOCK_EX, config.get_terminal_writer().line)
    try:
        return make_drives(CACHE, directory / "program.tar", say)
    finally:
        MACHINE_LOCK.release()
