"""Write the spec file of a running chain."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from inception.chain.forwarding.forward import Exposure, Forward, show_address
from inception.chain.publishing.publish import Publication
from inception.plan.chain import ChainPlan
from inception.plan.engine.options import LevelRange
from inception.plan.engine.proxies import mask_credentials
from inception.plan.request import Request
from inception.plan.resources import Resource
from inception.spec.keys import option_keys
from inception.spec.options import chain_options, parameters_of


def spec_of(
    plan: ChainPlan,
    engine: str | None,
    carried: tuple[Forward | Exposure, ...],
    publications: tuple[Publication, ...] = (),
) -> tuple[str, list[str]]:
    """Return the file of the chain of `plan`, and warnings of what it cannot say.

    `engine` is how a user names its level-0 engine, None for the usual one.
    """
    values = dict(_values(plan))
    proxy, warnings = _proxy(plan.request)
    if proxy is not None:
        values["proxy"] = proxy
    if engine is not None:
        values["engine"] = engine
    if plan.ttl_s is not None:
        values["ttl"] = f"{plan.ttl_s:g}s"
    values |= _published(publications)
    forwards = [_forward(it) for it in carried if isinstance(it, Forward)]
    exposed = [it.port for it in carried if isinstance(it, Exposure)]
    values |= {key: value for key, value in (("forward", forwards), ("expose-host", exposed)) if value}
    return _lines(values) + "".join(f"\n[[levels]]\n{_lines(table)}" for table in _tables(plan)), warnings


def _published(publications: tuple[Publication, ...]) -> dict[str, Any]:
    """Return the keys that publish engines; all have the address, the names and the plainness of the first."""
    if not publications:
        return {}
    first = publications[0]
    values = {
        "publish-engine": [f"{it.level}:{it.port}" for it in publications],
        "publish-address": first.address,
        "tls-san": list(first.tls_names),
        "insecure-plaintext": first.plain,
    }
    return {key: value for key, value in values.items() if value}


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())


def _tables(plan: ChainPlan) -> Iterator[dict[str, Any]]:
    """Yield the tables of a chain whose levels have labels: each for levels in a line, up to the next label."""
    if not any(level.label for level in plan.levels):
        return
    heads = [it.number for it in plan.levels if it.number == 1 or it.label or it.above != it.number - 1]
    lasts = {last - 1: first for first, last in zip(heads, [*heads[1:], plan.depth + 1], strict=True)}
    for last, first in lasts.items():
        level = plan.level(first)
        table = {
            "name": level.label,
            "parent": "" if level.above == first - 1 else plan.level(lasts[level.above]).label,
            "depth": last - first + 1 if last > first else "",
        }
        yield {key: value for key, value in table.items() if value}


def _values(plan: ChainPlan) -> Iterator[tuple[str, Any]]:
    """Yield each key of an option whose value is not the usual one, and those of name, depth and image."""
    request = plan.request
    yield "name", plan.name
    if not any(level.label for level in plan.levels):
        yield "depth", plan.depth
    usual = {it.name: it.default for it in parameters_of(chain_options)}
    for key, parameter in option_keys().items():
        value = _option(request, parameter)
        if value not in (usual[parameter], None, []):
            yield key, value


def _option(request: Request, parameter: str) -> Any:  # noqa: ANN401 of any option
    """Return the value of an option as a user would give it; None for one that is no longer known as such."""
    if parameter in _WRITTEN:
        return _WRITTEN[parameter](request)
    if parameter.replace("_", "-") in set(Resource):
        return _limits(request, Resource(parameter.replace("_", "-")))
    value = getattr(request, parameter)
    return list(value) if isinstance(value, tuple) else value


def _limits(request: Request, resource: Resource) -> list[str]:
    unit = "B" if resource in {Resource.MEMORY, Resource.SHM_SIZE} else ""
    return [f"{it.levels}:{it.amount:.12g}{unit}" for it in request.resources if it.resource is resource]


def _for(levels: LevelRange, separator: str, value: str) -> str:
    return value if levels == LevelRange() else f"{levels}{separator}{value}"


_WRITTEN: Mapping[str, Callable[[Request], Any]] = {
    "proxy": lambda _: None,  # See `_proxy`.
    "here": lambda _: None,  # The working directory is among the mounts.
    "storage_size": lambda it: None if it.storage_size is None else f"{it.storage_size}B",
    "level_images": lambda it: [_for(one.levels, "=", one.image) for one in it.level_images],
    "image_store": lambda it: [_for(one.levels, "=", one.store) for one in it.image_store],
    "runtimes": lambda it: [_for(one.levels, "=", one.runtime) for one in it.runtimes],
    "dockerd": lambda it: [_for(one.levels, ":", one.argument) for one in it.dockerd],
    "daemon_json": lambda it: [_for(one.levels, ":", one.file.text.strip()) for one in it.daemon_json],
    "mounts": lambda it: [str(one) for one in it.mounts],
}
"""Options whose values in a request are no longer what a user gives."""


def _proxy(request: Request) -> tuple[str | None, list[str]]:
    """Return the proxy as an option has it, and a warning of what the option cannot say."""
    proxies = request.proxy
    if proxies is None:
        return None, []
    if any(mask_credentials(it) != it for it in proxies.addresses):
        return None, ["the proxy has a user and a password, and is left out: give it with --proxy"]
    if proxies.http != proxies.https:
        return None, ["the proxies of the environment are left out: they are taken over again where it is used"]
    return proxies.http, ["NO_PROXY is left out: it is taken over again"] if proxies.exempt else []


def _forward(forward: Forward) -> str:
    container = f"{forward.container}:" if forward.container else ""
    udp = "/udp" if forward.protocol == "udp" else ""
    return f"{forward.level}={show_address(forward.address)}:{forward.port}:{container}{forward.target}{udp}"


def _toml(value: Any) -> str:  # noqa: ANN401 of any option
    """Return `value` as TOML: text, a number, true or false, or a list of those."""
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    # A basic string of TOML is one of JSON, but for characters that are no pair of escapes there, and DEL.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
