"""Read what a user gives for the levels' engines: the environment, files, and options for some levels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inception.errors import UsageError
from inception.plan.engine.options import (
    DaemonJson,
    DockerdArgument,
    parse_dockerd_argument,
    parse_level_image,
    parse_level_runtime,
    split_levels,
)
from inception.plan.engine.proxies import Proxies, proxies_in, with_scheme
from inception.plan.engine.settings import SettingsFile
from inception.plan.request import Inherit, parse_level_store
from inception.plan.resources import Resource, ResourceLimit, parse_limit

_LEVELS = "write LEVELS like 2, 2-4 or 3-, before a colon"
_PEM = "-----BEGIN"
_ENGINE_LEVELS = "write it like 2=NAME, 2-4=NAME or 3-=NAME"


def read_proxy(address: str | None, inherit: Inherit) -> Proxies | None:
    """Return the proxy at `address` for HTTP and HTTPS, or else the environment's if they are inherited."""
    found = proxies_in(os.environ) if inherit is Inherit.ALL or address is not None else None
    if address is None:
        return found
    address = with_scheme(address)
    return Proxies(http=address, https=address, exempt=() if found is None else found.exempt)


def read_authorities(given: Sequence[str]) -> tuple[str, ...]:
    """Return the content of files of certificate authorities, or what is given in place of a name. Raises UsageError.

    An invalid certificate in a level's bundle would keep Python's requests, and so the runner, from starting.
    """
    return tuple(map(_read_authority, given))


def read_dockerd(options: Sequence[str]) -> tuple[DockerdArgument, ...]:
    """Return the arguments of dockerd in `options`, each `[LEVELS:]ARG`. Raises UsageError."""
    try:
        return tuple(map(parse_dockerd_argument, options))
    except ValueError as error:
        raise UsageError(str(error), remedy=_LEVELS) from error


def read_daemon_json(options: Sequence[str]) -> tuple[DaemonJson, ...]:
    """Return the settings that `options` give, each `[LEVELS:]FILE` or settings as JSON. Raises UsageError."""
    try:
        named = [split_levels(option, ":") for option in options]
    except ValueError as error:
        raise UsageError(str(error), remedy=_LEVELS) from error
    return tuple(DaemonJson(levels=levels, file=_settings(given)) for levels, given in named)


def _settings(given: str) -> SettingsFile:
    if given.startswith("{"):
        return SettingsFile(source="daemon.json", text=given.strip())
    return SettingsFile(source=given, text=_read(given).strip())


def read_limits(options: Mapping[Resource, Sequence[str]]) -> tuple[ResourceLimit, ...]:
    """Return the limits of resources in `options`, each `[LEVELS:]AMOUNT`. Raises UsageError."""
    return tuple(_read_limit(resource, text) for resource, texts in options.items() for text in texts)


def _read_limit(resource: Resource, text: str) -> ResourceLimit:
    try:
        return parse_limit(resource, text)
    except ValueError as error:
        example = {Resource.CPUS: "1.5", Resource.PIDS: "2000"}.get(resource, "2GB")
        raise UsageError(
            f"--{resource} {text}: {error}", remedy=f"write it like {example}, or 2-4:{example} for some levels"
        ) from error


def read_level_engines(images: Sequence[str], stores: Sequence[str], runtimes: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a request that choose levels' engines, each option `[LEVELS=]VALUE`. Raises UsageError."""
    try:
        return {
            "level_images": tuple(map(parse_level_image, images)),
            "image_store": tuple(map(parse_level_store, stores)),
            "runtimes": tuple(map(parse_level_runtime, runtimes)),
        }
    except ValueError as error:
        raise UsageError(str(error), remedy=_ENGINE_LEVELS) from error


def _read_authority(given: str) -> str:
    import ssl  # It would cost each command some milliseconds.

    itself = given.startswith(_PEM)
    content = given if itself else _read(given)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=content)
    except (ssl.SSLError, ValueError) as error:
        raise UsageError(
            f"{'the text' if itself else given} holds no valid certificate",
            remedy="give one in PEM, which begins with -----BEGIN CERTIFICATE-----",
        ) from error
    return content


def _read(file: str) -> str:
    try:
        return Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"{file} cannot be read: {reason}", remedy="name a file of text that is there") from error
