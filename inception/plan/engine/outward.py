"""Ways outward that all levels get: proxies, registries and certificate authorities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from inception.plan.engine.proxies import NO_PROXIES, Proxies, is_loopback, mask_credentials
from inception.plan.light_dataclasses import dataclass
from inception.plan.request import Inherit, Request

if TYPE_CHECKING:
    from inception.plan.facts import EngineFacts

AUTHORITIES_FILE = "/etc/ssl/certs/ca-certificates.crt"
"""Certificate authorities of a level, those of its image and of the plan: in Debian, where Go and OpenSSL look."""


@dataclass(frozen=True, kw_only=True)
class Outward:
    """Proxies, registries and authorities (PEM) that every level gets in addition to those of the image."""

    proxies: Proxies = NO_PROXIES
    registry_mirrors: tuple[str, ...] = ()
    insecure_registries: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()


NO_CHANGE = Outward()


def choose_outward(request: Request, engine: EngineFacts) -> Outward:
    """Return the ways outward that are requested, and those of the level-0 engine if they are inherited."""
    inherits = request.inherit is Inherit.ALL
    return Outward(
        proxies=request.proxy or (engine.proxies if inherits else None) or NO_PROXIES,
        registry_mirrors=_joined(request.registry_mirrors, engine.registry_mirrors if inherits else ()),
        insecure_registries=_joined(request.insecure_registries, engine.insecure_registries if inherits else ()),
        authorities=request.ca,
    )


def remarks_on(outward: Outward, request: Request, engine: EngineFacts) -> Iterator[str]:
    """Yield a line for each address in `outward` that no level reaches, and for what could not be inherited."""
    if engine.hides_proxy and request.inherit is Inherit.ALL and request.proxy is None:
        yield "the level-0 engine does not tell the password of its proxy, so no level has it: name it with --proxy"
    for kind, addresses in (("proxy", outward.proxies.addresses), ("registry mirror", outward.registry_mirrors)):
        for address in filter(is_loopback, addresses):
            yield (
                f"{kind} {mask_credentials(address)} is on the host's loopback, which no level reaches: "
                f"let it listen on another address, or use --inherit none"
            )


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
