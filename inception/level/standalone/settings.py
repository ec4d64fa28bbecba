"""Settings of the standalone image, which `docker run` starts: the environment variables that jpetazzo/dind had."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from inception.plan.formats.size import GIB, parse_size, show_size
from inception.plan.light_dataclasses import dataclass
from inception.plan.storage import OWN_DATA, holding

DEFAULT_SIZE = 5 * 1000**3
"""Bytes of the ext4 for a data-root without overlay support, where the user sets no size."""
_LARGEST_SIZE = 16 * 1024 * GIB
"""Bytes of the largest file on an ext4 with blocks of 4 KiB, the usual file system below."""
_LARGEST_PORT = 65535


class WrongSetting(ValueError):
    """Error: a variable has an invalid value. The message names both, and a valid value."""


@dataclass(frozen=True, kw_only=True)
class StandaloneSettings:
    """Settings of the standalone image. `storage_size` is in bytes; `port` is a TCP port of the container."""

    log_to_file: bool = False
    port: int | None = None
    daemon_arguments: tuple[str, ...] = ()
    storage_size: int | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> StandaloneSettings:
        """Return the settings in LOG, PORT, DOCKER_DAEMON_ARGS and VAR_LIB_DOCKER_SIZE; an empty one counts as unset.

        Raises WrongSetting.
        """
        return cls(
            log_to_file=_log_to_file(environment.get("LOG", "")),
            port=_port(environment.get("PORT", "")),
            daemon_arguments=_words(environment.get("DOCKER_DAEMON_ARGS", "")),
            storage_size=_size(environment.get("VAR_LIB_DOCKER_SIZE", "")),
        )


def _log_to_file(value: str) -> bool:
    if value not in {"", "file", "stdio"}:
        raise WrongSetting(f"LOG={value} is neither file nor stdio: LOG=file writes to /var/log/docker.log")
    return value == "file"


def _port(value: str) -> int | None:
    if not value:
        return None
    # str.isdecimal takes the digits of all scripts, of any length.
    port = int(value) if value.isascii() and value.isdecimal() and len(value) <= len(str(_LARGEST_PORT)) else 0
    if not 1 <= port <= _LARGEST_PORT:
        raise WrongSetting(f"PORT={value} is not a port: give a number from 1 to {_LARGEST_PORT}")
    return port


def _words(value: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise WrongSetting(
            f"DOCKER_DAEMON_ARGS={value} cannot be split into arguments: {str(error).lower()}"
        ) from error


def _size(value: str) -> int | None:
    if not value:
        return None
    try:
        size = parse_size(value)
    except (ValueError, OverflowError) as error:
        raise WrongSetting(f"VAR_LIB_DOCKER_SIZE={value} is not a size: give one in GB, such as 5") from error
    least = holding(OWN_DATA)
    if not least <= size <= _LARGEST_SIZE:
        raise WrongSetting(
            f"VAR_LIB_DOCKER_SIZE={value} is {show_size(size)}: "
            f"give at least {show_size(least)} and at most {show_size(_LARGEST_SIZE)}"
        )
    return size
