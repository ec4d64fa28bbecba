"""Make a request for a chain from what a user gave as options or as arguments."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from inception.chain.inputs.engines import (
    read_authorities,
    read_daemon_json,
    read_dockerd,
    read_level_engines,
    read_limits,
    read_proxy,
)
from inception.chain.inputs.mounts import read_mounts
from inception.chain.inputs.preloads import read_preloads
from inception.chain.naming import generate_name
from inception.chain.prepare import refuse_early
from inception.errors import UsageError
from inception.image.recipe import default_tag
from inception.plan.formats.size import parse_size
from inception.plan.request import ImageTransfer, Inherit, NetworkMode, PidMode, Request, Storage
from inception.plan.resources import Resource

_Choice = TypeVar("_Choice", bound=StrEnum)

_CHOICES: Mapping[str, type[StrEnum]] = {
    "image_transfer": ImageTransfer,
    "pid": PidMode,
    "storage": Storage,
    "network": NetworkMode,
    "inherit": Inherit,
}
_LISTS = ("dns", "registry_mirrors", "insecure_registries")


def read_request(values: Mapping[str, Any], *, here: bool = False) -> Request:
    """Return the request that `values` make, by the names of `descend`'s arguments; None stands for an empty list.

    `here` mounts the working directory. Raises UsageError, also for a request that no host could carry.
    """
    choices = {name: _choice(kind, name, values[name]) for name, kind in _CHOICES.items()}
    limits = {it: values[it.replace("-", "_")] or () for it in Resource}
    converted = {
        "name": values["name"] or generate_name(),
        "image": values["image"] or default_tag(),
        "storage_size": _bytes(values["storage_size"]),
        "proxy": read_proxy(values["proxy"], Inherit(choices["inherit"])),
        "ca": read_authorities(values["ca"] or ()),
        "dockerd": read_dockerd(values["dockerd"] or ()),
        "daemon_json": read_daemon_json(values["daemon_json"] or ()),
        "mounts": read_mounts(values["mounts"] or (), here=here),
        "preload": read_preloads(values["preload"] or ()),
        "resources": read_limits(limits),
        **{name: tuple(values[name] or ()) for name in _LISTS},
        **read_level_engines(values["level_images"] or (), *map(_listed, (values["image_store"], values["runtimes"]))),
    }
    others = {name: value for name, value in values.items() if name.replace("_", "-") not in set(Resource)}
    request = Request(**{**others, **choices, **converted})
    refuse_early(request)
    return request


def _listed(value: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _choice(kind: type[_Choice], keyword: str, value: str) -> _Choice:
    try:
        return kind(value)
    except ValueError as error:
        names = ", ".join(repr(it.value) for it in kind)
        raise UsageError(f"{keyword}={value!r} is not one of {names}") from error


def _bytes(size: int | str | None) -> int | None:
    if not isinstance(size, str):
        return size
    try:
        return parse_size(size)
    except ValueError as error:
        raise UsageError(str(error), remedy="write it like 5GB or 512MiB, or as a number of bytes") from error
