"""Checks of the engine settings in a request, which need no host."""

from __future__ import annotations

from collections.abc import Iterator

from inception.plan.engine.proxies import SCHEMES, is_url
from inception.plan.engine.settings import NEEDED_BY_LEVELS, named_settings
from inception.plan.request import Request

_INSTEAD = {
    "bip": "choose the subnets with --pool",
    "bridge": "choose the network with --network and --pool",
    "config-file": "use --daemon-json",
    "default-address-pools": "choose the subnets with --pool",
    "hosts": "give the engine a port with --publish-engine",
    "live-restore": "use --restart-engines",
    "storage-opts": "choose the data-root with --storage and --storage-size",
}
_PEM = "-----BEGIN CERTIFICATE-----"


def problems_of_engine_settings(request: Request) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the engine settings of `request`, each with a remedy."""
    if request.proxy is not None:
        for address in request.proxy.addresses:
            if not is_url(address, SCHEMES):
                yield f"{address!r} is not the address of a proxy", "write it like http://192.0.2.1:3128"
    for mirror in request.registry_mirrors:
        if not is_url(mirror, ("http", "https")):
            yield f"{mirror!r} is not the URL of a registry mirror", "write it like https://mirror.example:5000"
    for registry in request.insecure_registries:
        if not registry or "://" in registry or any(it.isspace() for it in registry):
            yield f"{registry!r} is not a registry", "write it like registry.example:5000 or 192.0.2.0/24"
    for authority in request.ca:
        if _PEM not in authority:
            yield "a file of --ca holds no certificate", f"give one in PEM, which begins with {_PEM}"
    yield from _problems_of_dockerd(request)
    yield from _problems_of_levels(request)


def _problems_of_dockerd(request: Request) -> Iterator[tuple[str, str]]:
    for option in request.dockerd:
        names = {name for name, _ in named_settings([option.argument])}
        yield from _conflicts(f"--dockerd {option.argument}", names)
    for given in request.daemon_json:
        try:
            yield from _conflicts(given.file.source, set(given.file.settings()))
        except ValueError as error:
            yield str(error), "write it as dockerd reads it, like {}"


def _problems_of_levels(request: Request) -> Iterator[tuple[str, str]]:
    ranges = [
        *(it.levels for it in request.dockerd),
        *(it.levels for it in request.daemon_json),
        *(it.levels for it in request.mounts),
        *(it.levels for it in request.level_images),
        *(it.levels for it in request.image_store),
        *(it.levels for it in request.runtimes),
    ]
    for levels in ranges:
        if levels.first > max(request.depth, 1):
            yield f"there is no level {levels.first} in a chain of depth {request.depth}", "name levels that it has"


def _conflicts(source: str, names: set[str]) -> Iterator[tuple[str, str]]:
    for name in sorted(names & NEEDED_BY_LEVELS):
        yield f"{source} sets {name}, which the plan decides for a level", _INSTEAD.get(name, "leave it out")
