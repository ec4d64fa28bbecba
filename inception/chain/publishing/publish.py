"""Publish engines of levels: read the options, start a proxy for each port, list them for later commands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

from inception.chain.background import start_background
from inception.chain.publishing.certificates import make_certificates
from inception.chain.publishing.host_names import check_name, client_address, names_of
from inception.errors import ChainError, UsageError
from inception.linux import files
from inception.plan.chain import ChainPlan
from inception.plan.formats import codec
from inception.plan.light_dataclasses import dataclass
from inception.plan.tree import Shape

_PUBLISHED = re.compile(r"(?:(?P<level>\d+):)?(?P<port>\d+)")
_LIST_LIMIT = 1 << 20
"""Bytes of the list of published engines that are read."""
_GREATEST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class Publication:
    """The engine of `level` at a TCP port of `address`, which may be a wildcard; without TLS if `plain`.

    `reached_at` is the address for clients: that of the machine or the container that publishes it. `tls_names` are
    names that the server's certificate lists beside those of the address.
    """

    level: int
    address: str
    reached_at: str
    port: int
    plain: bool
    tls_names: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """Address of the engine for clients, as in DOCKER_HOST; never a wildcard."""
        return _url(self.reached_at, self.port)


def _url(address: str, port: int) -> str:
    return f"tcp://{f'[{address}]' if ':' in address else address}:{port}"


def parse_publications(
    ports: Iterable[str], *, address: str, plain: bool, tls_names: Iterable[str], shape: Shape
) -> tuple[Publication, ...]:
    """Parse each `[LEVEL:]PORT` of `ports`; without LEVEL it is the bottom. Raises UsageError."""
    try:
        loopback = ip_address(address).is_loopback
    except ValueError as error:
        raise UsageError(f"{address!r} is not an address", remedy="write it like 127.0.0.1") from error
    names = tuple(check_name(name) for name in tls_names)
    if plain and names:
        raise UsageError(
            f"--tls-san {names[0]} names a certificate, and there is none without TLS",
            remedy="leave out --insecure-plaintext, or --tls-san",
        )
    if plain and not loopback:
        raise UsageError(
            f"a port without TLS on {address} would give root on this machine to everybody who reaches it",
            remedy="leave out --insecure-plaintext, or --publish-address",
        )
    places = [_parse(port, shape) for port in ports]
    reached_at = client_address(address)
    return tuple(
        Publication(level=level, address=address, reached_at=reached_at, port=port, plain=plain, tls_names=names)
        for level, port in places
    )


def _parse(text: str, shape: Shape) -> tuple[int, int]:
    """Return the level and the port of `[LEVEL:]PORT`."""
    match = _PUBLISHED.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not [LEVEL:]PORT", remedy="write it like 2375, or 2:2375 for level 2")
    if match["level"] is None and not shape.is_line:
        raise UsageError(f"cannot publish the bottom of a tree at {text}", remedy="name one of its levels, like 2:2375")
    level, port = int(match["level"] or shape.count), int(match["port"])
    if not 1 <= level <= shape.count:
        remedy = f"its levels are 1 to {shape.count}"
        raise UsageError(f"cannot publish level {level}: the chain has none", remedy=remedy)
    if not 1 <= port <= _GREATEST_PORT:
        raise UsageError(f"{port} is not a port", remedy=f"use 1 to {_GREATEST_PORT}")
    return level, port


def certificates_of(plan: ChainPlan) -> Path:
    """Return the directory of the chain's certificates, which exists if it publishes engines with TLS."""
    return Path(plan.run_directory) / "tls"


def publish(plan: ChainPlan, publications: tuple[Publication, ...]) -> None:
    """Publish engines of the running chain of `plan`; each port closes when its level ends. Raises InceptionError."""
    if not publications:
        return
    if not publications[0].plain:
        names = (*names_of(publications[0].address), *publications[0].tls_names)
        make_certificates(certificates_of(plan), dict.fromkeys(names))
    for publication in publications:
        _start(plan, publication)
    files.replace(_publications_file(plan), codec.to_json(publications))


def published(plan: ChainPlan, level: int) -> Publication | None:
    """Return how the engine of `level` is published, or None if it is not. Raises ChainError if that is unreadable."""
    return next((it for it in publications_of(plan) if it.level == level), None)


def publications_of(plan: ChainPlan) -> tuple[Publication, ...]:
    """Return the published engines of a chain. Raises ChainError if the list of them is unreadable."""
    file = _publications_file(plan)
    try:
        listed = codec.from_json(tuple[Publication, ...], files.read_start(file, _LIST_LIMIT).decode())
        for publication in listed:
            ip_address(publication.address)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise ChainError(
            f"{file} is not the list of published engines: {error}", remedy="start the chain again"
        ) from error
    return listed


def _publications_file(plan: ChainPlan) -> Path:
    return Path(plan.run_directory) / "published.json"


def _start(plan: ChainPlan, publication: Publication) -> None:
    """Start a proxy, which outlives us and our terminal. Raises ChainError."""
    failure = start_background(
        "inception.chain.publishing.proxy",
        *("--address", publication.address, "--port", str(publication.port)),
        *("--engine", str(plan.paths.socket(publication.level))),
        *("--alive", str(plan.paths.alive(publication.level))),
        *(() if publication.plain else ("--certificates", str(certificates_of(plan)))),
    )
    if failure is not None:
        raise ChainError(
            f"cannot publish level {publication.level} at "
            f"{_url(publication.address, publication.port)}: {failure or 'the proxy ended'}",
            remedy="choose another port",
        )
