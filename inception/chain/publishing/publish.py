"""Engines of levels on TCP ports of the host: which, how they are started, and how clients learn of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import inception
from inception.chain.publishing.certificates import make_certificates
from inception.chain.publishing.proxy import READY
from inception.errors import ChainError, UsageError
from inception.plan import codec
from inception.plan.chain import ChainPlan

_PUBLISHED = re.compile(r"(?:(?P<level>\d+):)?(?P<port>\d+)")
_GREATEST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class Publication:
    """The engine of `level` at a port of `address`; plain ones have no TLS."""

    level: int
    address: str
    port: int
    plain: bool

    @property
    def host(self) -> str:
        """As in DOCKER_HOST."""
        return f"tcp://{f'[{self.address}]' if ':' in self.address else self.address}:{self.port}"


def parse_publications(words: Iterable[str], *, address: str, plain: bool, depth: int) -> tuple[Publication, ...]:
    """Read `[LEVEL:]PORT` words, the bottom's where no level is named. Raises UsageError."""
    try:
        loopback = ip_address(address).is_loopback
    except ValueError as error:
        raise UsageError(f"{address!r} is not an address", remedy="write it like 127.0.0.1") from error
    if plain and not loopback:
        raise UsageError(
            f"a port without TLS on {address} would give root on this machine to whoever reaches it",
            remedy="leave out --insecure-plaintext, or --publish-address",
        )
    return tuple(_parse(word, address=address, plain=plain, depth=depth) for word in words)


def _parse(word: str, *, address: str, plain: bool, depth: int) -> Publication:
    match = _PUBLISHED.fullmatch(word)
    if match is None:
        raise UsageError(f"{word!r} is not [LEVEL:]PORT", remedy="write it like 2375, or 2:2375 for level 2")
    level, port = int(match["level"] or depth), int(match["port"])
    if not 1 <= level <= depth:
        raise UsageError(f"there is no level {level} to publish", remedy=f"its levels are 1 to {depth}")
    if not 1 <= port <= _GREATEST_PORT:
        raise UsageError(f"{port} is not a port", remedy=f"use 1 to {_GREATEST_PORT}")
    return Publication(level=level, address=address, port=port, plain=plain)


def certificates_of(plan: ChainPlan) -> Path:
    """Where the certificates of a chain are, if it has any."""
    return Path(plan.run_directory) / "tls"


def publish(plan: ChainPlan, publications: tuple[Publication, ...]) -> None:
    """Publish engines of the chain of `plan`, which runs; each port closes with its level. Raises InceptionError."""
    if not publications:
        return
    if not publications[0].plain:
        make_certificates(certificates_of(plan), publications[0].address)
    for publication in publications:
        _start(plan, publication)
    _list(plan).write_text(codec.to_json(publications))


def published(plan: ChainPlan, level: int) -> Publication | None:
    """How the engine of `level` is published, if it is."""
    try:
        listed = codec.from_json(tuple[Publication, ...], _list(plan).read_text())
    except FileNotFoundError:
        return None
    return next((it for it in listed if it.level == level), None)


def _list(plan: ChainPlan) -> Path:
    return Path(plan.run_directory) / "published.json"


def _start(plan: ChainPlan, publication: Publication) -> None:
    """Start a relay, which is nobody's child and no terminal's."""
    relay = subprocess.Popen(
        [
            *("setsid", "--fork", sys.executable, "-m", "inception.chain.publishing.proxy"),
            *("--address", publication.address, "--port", str(publication.port)),
            *("--engine", str(plan.paths.socket(publication.level))),
            *("--alive", str(plan.paths.alive(publication.level))),
            *(() if publication.plain else ("--certificates", str(certificates_of(plan)))),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": _import_path()},
    )
    with relay:
        said = relay.stdout.readline().strip() if relay.stdout else ""
    if said != READY:
        raise ChainError(
            f"level {publication.level} cannot be published at {publication.host}: {said or 'the relay ended'}",
            remedy="choose another port",
        )


def _import_path() -> str:
    """Where the relay finds the same `inception`, installed or not, from any working directory."""
    return os.pathsep.join(filter(None, (str(Path(inception.__file__).parents[1]), os.environ.get("PYTHONPATH"))))
