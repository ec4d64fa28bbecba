"""Find the address of the level-0 engine, as the Docker CLI does.

In this order: an address that the caller gives, DOCKER_HOST, then DOCKER_CONTEXT, then the current context of the CLI's
configuration, then the default socket. The SDK's own reader of contexts is not used: without a config.json it looks for
them in the working directory, and for a broken file it raises a bare Exception.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker.errors import DockerException
from docker.tls import TLSConfig
from docker.utils import kwargs_from_env, parse_host

from inception.engine.ssh import SshTarget, is_ssh
from inception.engine.translate import reason
from inception.errors import UsageError
from inception.linux.mounts import parse_mountinfo
from inception.plan.light_dataclasses import dataclass

DEFAULT_ADDRESS = "unix:///var/run/docker.sock"
_UNIX = "unix://"
_MOUNTINFO = Path("/proc/self/mountinfo")
_DEFAULT_CONTEXT = "default"
_NO_HOME = Path("/nonexistent")
"""Home directory of users without one, as in Debian's /etc/passwd."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Address of one engine. `origin` is its source, for messages; `named`: the user chose it, so no other is tried."""

    address: str
    origin: str
    named: bool
    tls: TLSConfig | None = None


def find_endpoint(address: str | None, environment: Mapping[str, str]) -> Endpoint:
    """Return the endpoint to use: `address` if given, else that of `environment` or of the CLI's configuration.

    Raises UsageError for a wrong address, an unknown or unreadable context, and unreadable certificates.
    """
    if address:
        return _from_address(address, "the command line", environment)
    if host := environment.get("DOCKER_HOST"):
        return _from_address(host, "DOCKER_HOST", environment)
    configuration = docker_configuration(environment)
    if name := environment.get("DOCKER_CONTEXT"):
        origin = "DOCKER_CONTEXT"
    else:
        name = _read_json(configuration / "config.json").get("currentContext") or _DEFAULT_CONTEXT
        origin = str(configuration / "config.json")
    if name == _DEFAULT_CONTEXT:
        return Endpoint(address=DEFAULT_ADDRESS, origin="default", named=False)
    return _from_context(name, origin, configuration / "contexts")


def is_mounted(address: str) -> bool:
    """Return whether `address` is a unix socket that is mounted at its path, as one of the host is in a container."""
    if not address.startswith(_UNIX):
        return False
    path = Path(address.removeprefix(_UNIX)).resolve()
    return any(it.target == path for it in parse_mountinfo(_MOUNTINFO.read_text()))


def _from_address(text: str, origin: str, environment: Mapping[str, str]) -> Endpoint:
    address = _checked(text, origin)
    try:
        # On a unix socket the CLI ignores TLS, even if the certificates are missing.
        tls = kwargs_from_env({**environment, "DOCKER_HOST": address}).get("tls") if _is_tcp(address) else None
    except DockerException as error:
        raise UsageError(
            f"cannot use TLS for {address}: {reason(error)}",
            remedy="put ca.pem, cert.pem and key.pem in the directory that DOCKER_CERT_PATH names",
        ) from error
    return Endpoint(address=address, origin=origin, named=True, tls=tls)


def _from_context(name: str, origin: str, contexts: Path) -> Endpoint:
    identifier = hashlib.sha256(name.encode()).hexdigest()
    meta = _read_json(contexts / "meta" / identifier / "meta.json")
    if not meta:
        raise UsageError(f"Docker context {name!r} (from {origin}) does not exist", remedy="see: docker context ls")
    docker = meta.get("Endpoints", {}).get("docker", {})
    address = _checked(docker.get("Host") or DEFAULT_ADDRESS, f"context {name!r}")
    certificates = contexts / "tls" / identifier / "docker"
    tls = _context_tls(certificates, verify=not docker.get("SkipTLSVerify", False)) if _is_tcp(address) else None
    return Endpoint(address=address, origin=f"context {name!r}", named=True, tls=tls)


def _context_tls(certificates: Path, *, verify: bool) -> TLSConfig | None:
    ca, certificate, key = (certificates / name for name in ("ca.pem", "cert.pem", "key.pem"))
    if verify and not any(file.is_file() for file in (ca, certificate, key)):
        return None
    return TLSConfig(
        client_cert=(str(certificate), str(key)) if certificate.is_file() and key.is_file() else None,
        ca_cert=str(ca) if ca.is_file() else None,
        verify=verify,
    )


def docker_configuration(environment: Mapping[str, str]) -> Path:
    """Return the directory of the Docker CLI's configuration; it may not exist, nor the user's home."""
    if configured := environment.get("DOCKER_CONFIG"):
        return Path(configured)
    try:
        return Path.home() / ".docker"
    except RuntimeError:  # Neither HOME nor an entry in /etc/passwd.
        return _NO_HOME / ".docker"


def _checked(text: str, origin: str) -> str:
    """Return `text` if it is an engine's address. Raises UsageError."""
    try:
        parsed = str(parse_host(text))
        if is_ssh(text):
            SshTarget.parse(text)
    except (DockerException, ValueError) as error:
        raise _wrong_address(text, origin) from error
    if not parsed.startswith(("http+unix://", "http://", "https://", "ssh://")):
        raise _wrong_address(text, origin)
    return text


def _wrong_address(text: str, origin: str) -> UsageError:
    return UsageError(
        f"{text!r} (from {origin}) is not the address of an engine",
        remedy=f"write it like {DEFAULT_ADDRESS}, tcp://HOST:PORT or ssh://USER@HOST",
    )


def _is_tcp(address: str) -> bool:
    return str(parse_host(address)).startswith(("http://", "https://"))


def _read_json(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file of the CLI, empty if there is no such file. Raises UsageError."""
    try:
        content = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {file}: {reason(error)}", remedy="repair or remove it") from error
    if not isinstance(content, dict):
        raise UsageError(f"cannot read {file}: not a JSON object", remedy="repair or remove it")
    return content
