"""A package repository as Docker keeps one, on this machine: Debian's engine in packages with Docker's names."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.cache import ENGINES
from tests.engines.lock import locked

SUITE = "trixie"
CHANNEL = "stable"
MARK = "usr/lib/docker-ce-version"
"""File in the image with the version of the package that is installed."""
_FROM_DEBIAN = ("docker.io", "docker-cli", "containerd", "runc", "docker-buildx", "docker-compose")
_PLUGINS = "usr/libexec/docker/cli-plugins"


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package of Docker's: its files, each with the place that Debian has it at, and what it depends on."""

    name: str
    depends: str
    files: tuple[tuple[str, str], ...]


_PACKAGES = (
    Package(
        name="docker-ce",
        depends="docker-ce-cli, containerd.io, iptables, libc6, libsystemd0",
        files=(
            ("usr/bin/dockerd", "usr/sbin/dockerd"),
            ("usr/bin/docker-proxy", "usr/sbin/docker-proxy"),
            ("usr/libexec/docker/docker-init", "usr/bin/tini-static"),
        ),
    ),
    Package(name="docker-ce-cli", depends="libc6", files=(("usr/bin/docker", "usr/bin/docker"),)),
    Package(
        name="containerd.io",
        depends="libc6, libseccomp2",
        files=(
            ("usr/bin/containerd", "usr/bin/containerd"),
            ("usr/bin/containerd-shim-runc-v2", "usr/bin/containerd-shim-runc-v2"),
            ("usr/bin/runc", "usr/sbin/runc"),
        ),
    ),
    *(
        Package(name=f"{name}-plugin", depends="libc6", files=((f"{_PLUGINS}/{name}", f"{_PLUGINS}/{name}"),))
        for name in ("docker-buildx", "docker-compose")
    ),
)


def make_repository(directory: Path, versions: Sequence[str]) -> Path:
    """Make a signed repository in `directory`, with docker-ce in each of `versions`; return the file of its key."""
    debian = _debians_files()
    pool = directory / "pool"
    pool.mkdir(parents=True)
    for package in _PACKAGES:
        pinned = package.name.startswith("docker-ce")
        for version in versions if pinned else ("1.0",):
            _make_package(pool, package, f"5:{version}-1~debian.13~{SUITE}" if pinned else version, debian)
    return _sign(directory, _index(directory, pool))


def _debians_files() -> Path:
    """Return a directory with the files of Debian's packages, extracted once."""
    extracted = ENGINES / "extracted" / SUITE
    with locked(extracted):
        if not extracted.is_dir():
            part = extracted.with_name(f"{SUITE}.part")
            if part.exists():
                shutil.rmtree(part)
            confined = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--")
            options = ("--variant=extract", '--aptopt=APT::Install-Recommends "false"')
            command = ("mmdebstrap", "--quiet", *options, f"--include={','.join(_FROM_DEBIAN)}", SUITE, str(part))
            subprocess.run((*confined, *command), check=True)
            part.rename(extracted)
    return extracted


def _make_package(pool: Path, package: Package, version: str, debian: Path) -> None:
    tree = pool / "tree"
    for place, source in package.files:
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(debian / source, tree / place)
    if package.name == "docker-ce":
        (tree / MARK).parent.mkdir(parents=True, exist_ok=True)
        (tree / MARK).write_text(version)
    fields = {
        "Package": package.name,
        "Version": version,
        "Architecture": _architecture(),
        "Maintainer": "tests <tests@example.invalid>",
        "Depends": package.depends,
        "Description": "repacked for a test",
    }
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text("".join(f"{name}: {value}\n" for name, value in fields.items()))
    subprocess.run(("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, pool), check=True, capture_output=True)
    shutil.rmtree(tree)


def _index(directory: Path, pool: Path) -> Path:
    """Write the list of the packages; return the directory of the suite."""
    entries = []
    for file in sorted(pool.glob("*.deb")):
        control = subprocess.run(("dpkg-deb", "--field", file), check=True, capture_output=True, text=True).stdout
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        place = file.relative_to(directory)
        entries.append(f"{control}Filename: {place}\nSize: {file.stat().st_size}\nSHA256: {digest}\n")
    suite = directory / "dists" / SUITE
    index = suite / CHANNEL / f"binary-{_architecture()}" / "Packages"
    index.parent.mkdir(parents=True)
    index.write_text("\n".join(entries))
    return suite


def _sign(directory: Path, suite: Path) -> Path:
    """Write the suite's Release, signed by a key made for it; return the file of the public key."""
    files = [
        f" {hashlib.sha256(it.read_bytes()).hexdigest()} {it.stat().st_size} {it.relative_to(suite)}"
        for it in suite.rglob("Packages")
    ]
    head = f"Suite: {SUITE}\nCodename: {SUITE}\nComponents: {CHANNEL}\nArchitectures: {_architecture()}\n"
    date = subprocess.run(("date", "-Ru"), check=True, capture_output=True, text=True).stdout
    (suite / "Release").write_text(f"{head}Date: {date}SHA256:\n" + "\n".join(files) + "\n")
    home = directory / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ("gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")
    subprocess.run((*gpg, "--quick-generate-key", "tests@example.invalid", "rsa3072", "sign", "never"), check=True)
    subprocess.run((*gpg, "--output", suite / "InRelease", "--clearsign", suite / "Release"), check=True)
    key = directory / "key.asc"
    subprocess.run((*gpg, "--armor", "--output", key, "--export"), check=True)
    subprocess.run(("gpgconf", "--homedir", home, "--kill", "all"), check=True)
    shutil.rmtree(home)
    return key


def _architecture() -> str:
    asked = subprocess.run(("dpkg", "--print-architecture"), check=True, capture_output=True, text=True)
    return asked.stdout.strip()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Write no line for each request."""


@contextmanager
def served(directory: Path, address: str) -> Iterator[str]:
    """Serve `directory` at a port of `address`; give the URL."""
    with ThreadingHTTPServer((address, 0), partial(_Quiet, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://{address}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
