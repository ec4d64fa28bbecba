"""The disk of the emulated machine: a Debian with its engine, and in it the level image and its seed.

Everything is made by this machine's own processor, before the emulation: Debian's packages are unpacked by mmdebstrap,
image and seed are made by the very dockerd of that Debian, run in a namespace (`native_root.sh`).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inception.engine.connect import EngineChoice, connect
from inception.image.build import ensure_image
from inception.image.method import DEFAULT_SUITE
from inception.image.recipe import default_tag
from inception.image.store import export_image
from tests.vm.cache import Cache
from tests.vm.machine import Drives

CHECKOUT = Path(__file__).parents[2]
MODULES = Path("opt/inception/modules")
"""In the machine: what the program imports. Beside it goes the program itself."""
PYTHON_VERSION = "3.13"
"""Of the Debian release."""
FREE_BYTES = 4 << 30
"""Room on the disk for what the tests write."""
_PACKAGES = (
    "ca-certificates",
    "containerd",
    "dbus",
    "docker-cli",
    "docker.io",
    "e2fsprogs",
    "iproute2",
    "iptables",
    "kmod",
    "linux-image-cloud-amd64",
    "mount",
    "procps",
    "python3",
    "qemu-guest-agent",
    "runc",
    "systemd-sysv",
    "udev",
)
_PROGRAM = ("image", "inception", "pyproject.toml", "tests")
_SEED_MADE_BY = (
    "inception/image/seed.py",
    "inception/level/programs/make_seed.py",
    "tests/vm/disk.py",
    "tests/vm/fill.py",
    "tests/vm/native_root.sh",
)
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class LevelImage:
    """The level image that goes onto the disk."""

    tag: str
    image_id: str


def make_drives(cache: Cache, payload: Path, say: Say) -> Drives:
    """All that a machine boots from, made if need be; `payload` is written anew. Raises CalledProcessError, OSError."""
    packages = (DEFAULT_SUITE, *_PACKAGES)
    debian = cache.get("debian", packages, lambda file: _make_debian(file, say))
    kernel = cache.get("kernel", packages, lambda file: _extract_kernel(debian, file))
    _pack_program(payload)
    return Drives(kernel=kernel, root=_disk(cache, debian, payload, say), payload=payload)


def _make_debian(file: Path, say: Say) -> None:
    say(f"unpacking Debian {DEFAULT_SUITE} with a kernel and an engine: about a minute, once")
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar", f"--include={','.join(_PACKAGES)}"]
    options = ['--aptopt=APT::Install-Recommends "false"']
    options += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")]
    subprocess.run([*command, *options, DEFAULT_SUITE, str(file)], check=True)


def _extract_kernel(debian: Path, file: Path) -> None:
    with tarfile.open(debian) as archive, file.open("wb") as kernel:
        name = next(name for name in archive.getnames() if name.startswith("./boot/vmlinuz-"))
        member = archive.extractfile(name)
        if member is None:
            raise FileNotFoundError(f"{name} in {debian} is no file")
        shutil.copyfileobj(member, kernel)


def _pack_program(file: Path) -> None:
    """Pack the program as it is in this checkout, and its tests."""
    with tarfile.open(file, "w") as archive:
        for name in _PROGRAM:
            archive.add(CHECKOUT / name, name, filter=lambda member: None if "__pycache__" in member.name else member)


def _disk(cache: Cache, debian: Path, program: Path, say: Say) -> Path:
    dependencies = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]
    sources = ((CHECKOUT / name).read_text() for name in _SEED_MADE_BY)
    with connect(EngineChoice.AUTO, on_message=say) as engine:
        image = LevelImage(tag=default_tag(), image_id=ensure_image(engine.client, on_message=say))
        inputs = (debian.name, image.tag, image.image_id, *dependencies, *sources)

        def make(file: Path) -> None:
            say(f"putting {image.tag} and its seed onto the machine's disk: less than a minute, once")
            with cache.scratch() as root:
                subprocess.run(
                    ["tar", "--extract", "--file", debian, "--directory", root, "--numeric-owner"], check=True
                )
                export_image(engine.client, image.tag, root / "image.tar")
                _install_modules(root / MODULES, dependencies)
                _fill(root, program, image)
                _make_file_system(root, file)

        return cache.get("disk", inputs, make)


def _install_modules(directory: Path, dependencies: list[str]) -> None:
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--root-user-action=ignore"]
    # Compiled they are by the Python that will run them.
    wheels = ["--no-compile", "--only-binary=:all:", f"--python-version={PYTHON_VERSION}", f"--target={directory}"]
    subprocess.run([*pip, *wheels, *dependencies], check=True)


def _fill(root: Path, program: Path, image: LevelImage) -> None:
    """Load the image and make its seed, with the root's own engine; what that took is gone afterwards."""
    unpacked = root / "program"
    with tarfile.open(program) as archive:
        archive.extractall(unpacked, filter="data")
    namespaces = ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
    enter = ["sh", str(Path(__file__).with_name("native_root.sh")), str(root)]
    python = ["env", f"PYTHONPATH=/{MODULES}:/program", "python3"]
    script = [*python, "-m", "tests.vm.fill", "/image.tar", image.tag, f"/{MODULES}"]
    subprocess.run([*namespaces, *enter, *script], check=True)
    shutil.rmtree(unpacked)
    (root / "image.tar").unlink()


def _make_file_system(root: Path, file: Path) -> None:
    used = int(subprocess.run(["du", "-s", "-B1", root], capture_output=True, text=True, check=True).stdout.split()[0])
    with file.open("wb") as disk:
        disk.truncate(used + FREE_BYTES)
    # No journal: what a machine writes is thrown away with it.
    features = ["-O", "^has_journal", "-m", "0", "-E", "lazy_itable_init=1,root_owner=0:0"]
    subprocess.run(["mke2fs", "-q", "-t", "ext4", *features, "-d", root, file], check=True)
