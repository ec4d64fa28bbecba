"""Fetch a suite's tests, the packages that they import, and a Debian root to run them in: kept in .cache/public."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.public.suite import Suite

CACHE = Path(__file__).parents[2] / ".cache" / "public"
_DEBIAN = "trixie"
_PYTHON = "3.13"
"""Version of Python in that release of Debian."""
_PACKAGES = ("busybox-static", "ca-certificates", "docker-cli", "docker-registry", "python3")
_NOT_NEEDED = ("doc", "locale", "man")
_PIP = (sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check")
_GLIBC = ("manylinux_2_28", "manylinux2014")


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """Directories with the tests of a suite and with the packages that they import, and the root as a tar archive."""

    tests: Path
    packages: Path
    root: Path


def fetch(suite: Suite) -> Fetched:
    """Return what is kept of `suite`, fetched if it is missing. Raises CalledProcessError if it cannot be fetched."""
    CACHE.mkdir(parents=True, exist_ok=True)
    pins = sha256("\n".join((suite.source, _PYTHON, *suite.packages)).encode()).hexdigest()[:12]
    place = CACHE / f"{suite.name}-{pins}"
    if not place.is_dir():
        with _made(place) as part:
            _fetch_tests(suite.source, part)
            _fetch_packages(suite.packages, part / "packages")
    return Fetched(tests=place / "tests", packages=place / "packages", root=_fetch_root())


def _fetch_tests(source: str, place: Path) -> None:
    command = ("download", "--no-deps", "--no-binary", ":all:", "--dest", str(place), source)
    subprocess.run((*_PIP, *command), check=True)
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(place, filter="data")
    (place / archive.name.removesuffix(".tar.gz")).rename(place / "tests")


def _fetch_packages(packages: tuple[str, ...], place: Path) -> None:
    tags = [("--platform", f"{glibc}_{platform.machine()}") for glibc in _GLIBC]
    tags += [("--abi", it) for it in (f"cp{_PYTHON.replace('.', '')}", "abi3", "none")]
    options = ("--no-deps", "--only-binary", ":all:", "--implementation", "cp", "--python-version", _PYTHON)
    chosen = [word for tag in (*tags, ("--platform", "any")) for word in tag]
    subprocess.run((*_PIP, "install", "--target", str(place), *options, *chosen, *packages), check=True)


def _fetch_root() -> Path:
    place = CACHE / "root" / f"{_DEBIAN}.tar"
    if not place.is_file():
        with _made(place.parent) as part:
            # In namespaces of its own: ended by a signal, it would leave the host's /proc and /dev mounted.
            confined = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--")
            without = (f"--dpkgopt=path-exclude=/usr/share/{it}/*" for it in _NOT_NEEDED)
            options = ("--quiet", "--variant=essential", f"--include={','.join(_PACKAGES)}", *without)
            subprocess.run((*confined, "mmdebstrap", *options, _DEBIAN, part / place.name), check=True)
    return place


@contextmanager
def _made(place: Path) -> Iterator[Path]:
    """Give a directory that becomes `place` if all went well."""
    part = Path(tempfile.mkdtemp(dir=place.parent, prefix=f"{place.name}-"))
    try:
        yield part
        part.rename(place)
    finally:
        if part.exists():
            shutil.rmtree(part)
