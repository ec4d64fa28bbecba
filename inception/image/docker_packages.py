"""Docker's own packages in place of Debian's: a repository of apt's, and the version of the engine to take from it."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

from inception.errors import ImageError, UsageError
from inception.plan.light_dataclasses import dataclass

DOCKER_URL = "https://download.docker.com/linux/debian"
"""Address of the repository that Docker keeps for Debian."""
_INSTEAD = {
    "docker.io": "docker-ce",
    "docker-cli": "docker-ce-cli",
    "containerd": "containerd.io",
    "runc": "",
    "docker-buildx": "docker-buildx-plugin",
    "docker-compose": "docker-compose-plugin",
}
"""Name of Docker's package for each of Debian's; its containerd.io has runc in it."""
_PINNED = "docker-ce docker-ce-cli"
_CHANNEL = re.compile(r"[a-z]+")
_VERSION = re.compile(r"\d+(\.\d+){0,2}")
_KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
_FETCH_S = 30


@dataclass(frozen=True, kw_only=True)
class DockerPackages:
    """The repository at `url` with its `channel`, the text of its public `key`, and a `version` such as 29 or 29.1."""

    url: str
    channel: str
    key: str
    version: str | None = None

    def describe(self) -> str:
        """Return the choice in one line, for the recipe's digest."""
        return f"docker {self.url} {self.channel} {self.version or ''}"

    @property
    def mark(self) -> str:
        """Part of the image's tag that names the choice."""
        return f"docker{self.version or ''}"

    def package(self, debians: str) -> str:
        """Return the name of the package in place of the one of Debian, or nothing if another has its content."""
        return _INSTEAD.get(debians, debians)

    def sources(self, suite: str) -> str:
        """Return the file for `sources.list.d`, with the key in it: no other repository is trusted by that key."""
        key = "\n".join(f" {line or '.'}" for line in self.key.strip().splitlines())
        fields = (
            f"Types: deb\nURIs: {self.url}\nSuites: {suite}\nComponents: {self.channel}\n",
            f"Signed-By:\n{key}\n",
        )
        return "".join(fields)

    def preferences(self) -> str:
        """Return the file for `preferences.d`: another version than the one asked for is none."""
        if self.version is None:
            return ""
        pins = [(f"5:{self.version}.*", 1001), (f"5:{self.version}-*", 1001), ("*", -1)]
        stanzas = (
            f"Package: {_PINNED}\nPin: version {version}\nPin-Priority: {priority}\n" for version, priority in pins
        )
        return "\n".join(stanzas)


def find_docker_packages(
    channel: str | None, version: str | None, url: str | None, key_file: Path | None
) -> DockerPackages | None:
    """Return the choice of Docker's packages that the options make, if any; the key is fetched unless a file has it.

    Raises UsageError for options that are wrong, and ImageError if the key cannot be had.
    """
    if channel is None:
        if given := [it for it, value in (("version", version), ("url", url), ("key", key_file)) if value is not None]:
            option = {"version": "--docker-version", "url": "--apt-url", "key": "--apt-key"}[given[0]]
            raise UsageError(f"{option} is for Docker's own packages", remedy="add --docker-channel stable")
        return None
    if not _CHANNEL.fullmatch(channel):
        raise UsageError(f"{channel!r} is no channel of Docker's packages", remedy="use stable or test")
    if version is not None and not _VERSION.fullmatch(version):
        raise UsageError(f"{version!r} is no version of Docker", remedy="write it like 29, 29.1 or 29.1.5")
    url = (url or DOCKER_URL).rstrip("/")
    if not re.fullmatch(r"https?://\S+", url):
        raise UsageError(f"{url!r} is not the URL of a package repository", remedy=f"write it like {DOCKER_URL}")
    key = _read_key(key_file) if key_file is not None else _fetch_key(url)
    return DockerPackages(url=url, channel=channel, key=key, version=version)


def _read_key(file: Path) -> str:
    try:
        key = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(
            f"{file} cannot be read: {reason}", remedy="name a public key in text (gpg --armor)"
        ) from error
    if _KEY not in key:
        raise UsageError(f"{file} holds no public key", remedy=f"name one in text, which begins with {_KEY}")
    return key


def _fetch_key(url: str) -> str:
    """Return the key that the repository itself offers, over TLS alone."""
    if not url.startswith("https://"):
        raise UsageError(f"{url} cannot vouch for its own key", remedy="give its public key with --apt-key FILE")
    try:
        with urllib.request.urlopen(f"{url}/gpg", timeout=_FETCH_S) as answer:  # noqa: S310 its scheme is https
            key: str = answer.read().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(
            f"the key of {url} cannot be had: {error}",
            remedy="name another repository with --apt-url, or its key with --apt-key FILE",
        ) from error
    if _KEY not in key:
        raise ImageError(f"{url}/gpg holds no public key", remedy="give the key with --apt-key FILE")
    return key
