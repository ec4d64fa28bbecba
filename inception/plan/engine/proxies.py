"""Proxies on the way outward, as the engines, their clients and the programs of all levels are given them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from inception.plan.light_dataclasses import dataclass

_HIDDEN_CREDENTIALS = "xxxxx:xxxxx@"
"""Text that an engine's answer to `GET /info` has in place of a proxy's user and password (moby, `MaskCredentials`)."""
_CREDENTIALS = re.compile(r"(?<=://)[^/\s\"'\\:@]*:[^/\s\"'\\]*@")
"""User and password in a URL, within any text: JSON in JSON, for instance."""
LOCAL = ("localhost", "127.0.0.0/8", "::1")
"""Destinations that no proxy leads to."""
SCHEMES = ("http", "https", "socks5", "socks5h")
"""Schemes of proxies that dockerd can use (Go, net/http/transport.go)."""


@dataclass(frozen=True, kw_only=True)
class Proxies:
    """Addresses of proxies as in HTTP_PROXY and HTTPS_PROXY; `exempt` are the comma-separated parts of NO_PROXY."""

    http: str | None = None
    https: str | None = None
    exempt: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """The proxies' addresses, each once."""
        return tuple(dict.fromkeys(it for it in (self.http, self.https) if it))

    def exempting(self, networks: Iterable[str]) -> Proxies:
        """Return these proxies with `networks` (CIDR) exempt as well."""
        exempt = tuple(dict.fromkeys((*self.exempt, *networks)))
        return Proxies(http=self.http, https=self.https, exempt=exempt)

    def environment(self) -> dict[str, str]:
        """Return the environment variables of a program that is to use these proxies, upper and lower case."""
        if not self.addresses:
            return {}
        named = {"HTTP_PROXY": self.http, "HTTPS_PROXY": self.https, "NO_PROXY": ",".join(self.exempt)}
        upper = {name: value for name, value in named.items() if value}
        return upper | {name.lower(): value for name, value in upper.items()}

    def client_settings(self) -> dict[str, str]:
        """Return the settings of one entry in `proxies` of a Docker client's config.json."""
        if not self.addresses:
            return {}
        named = {"httpProxy": self.http, "httpsProxy": self.https, "noProxy": ",".join(self.exempt)}
        return {name: value for name, value in named.items() if value}


NO_PROXIES = Proxies()


def proxies_in(environment: Mapping[str, str]) -> Proxies | None:
    """Return the proxies that environment variables name, in upper or lower case; None without any."""

    def value(name: str) -> str | None:
        return environment.get(name) or environment.get(name.lower()) or None

    return _present(value("HTTP_PROXY"), value("HTTPS_PROXY"), value("NO_PROXY"))


def proxies_of_engine(info: Mapping[str, object]) -> Proxies | None:
    """Return the proxies in an engine's answer to `GET /info`; None without any.

    The answer hides users and passwords: a proxy that has them cannot be taken over, and is left out.
    """

    def value(name: str) -> str | None:
        text = str(info.get(name) or "")
        return None if _HIDDEN_CREDENTIALS in text else text or None

    return _present(value("HttpProxy"), value("HttpsProxy"), value("NoProxy"))


def hides_proxy(info: Mapping[str, object]) -> bool:
    """Return whether an engine's answer to `GET /info` hides the user and password of a proxy."""
    return any(_HIDDEN_CREDENTIALS in str(info.get(name)) for name in ("HttpProxy", "HttpsProxy"))


def with_scheme(address: str) -> str:
    """Return the address of a proxy as a URL: one without a scheme is that of an HTTP proxy, as for curl and Go."""
    return address if "://" in address else f"http://{address}"


def _present(http: str | None, https: str | None, exempt: str | None) -> Proxies | None:
    if http is None and https is None:
        return None
    http, https = (None if it is None else with_scheme(it) for it in (http, https))
    return Proxies(http=http, https=https, exempt=tuple(it.strip() for it in (exempt or "").split(",") if it.strip()))


def is_loopback(address: str) -> bool:
    """Return whether the host of a proxy or registry (URL, or host and port) is this machine's loopback."""
    try:
        host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_url(text: str, schemes: tuple[str, ...]) -> bool:
    """Return whether `text` is a URL with a host and one of `schemes`."""
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def mask_credentials(text: str) -> str:
    """Return `text` with the users and passwords of the URLs in it masked, for what people see."""
    return _CREDENTIALS.sub(_HIDDEN_CREDENTIALS, text)
