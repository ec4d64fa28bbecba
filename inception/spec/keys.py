"""The keys of a spec file, as types that msgspec checks. Each option of a chain is a key, by the option's name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import UNSET, Meta, UnsetType

from inception.spec.options import chain_options, parameters_of

_ELSEWHERE = frozenset({"depth", "name"})
"""Options of a chain whose keys are written out in `_CHAIN`."""
_IN_NUMBERS = frozenset({"memory", "cpus", "pids", "shm-size", "storage-size"})
"""Keys whose values may be numbers as well as text."""
_Text = str | list[str]
_Amount = str | int | float

Count = Annotated[int, Meta(ge=1)]


_Field = tuple[str, Any, str]
"""A key, the type of its values, and what it means."""

_LEVEL: tuple[_Field, ...] = (
    ("name", str, "Label of the first of them, for paths such as dream/NAME, and for `parent`."),
    ("parent", str, "Name of the table below which they lie. [default: the table before this one]"),
    ("depth", Count, "Number of levels, one below the other, that this table stands for. [default: 1]"),
    ("image", str, "Image that they run from."),
    ("image-store", str, "Image store of their engines: overlay2, containerd or auto."),
    ("runtime", str, "Runtime of their engines."),
    ("dockerd", _Text, "Options of their dockerd."),
    ("daemon-json", _Text, "Files of settings of their dockerd, or settings as JSON."),
    ("mount", _Text, "Directories or files of this machine in them, SOURCE:TARGET[:ro]."),
    ("memory", _Amount, "Memory of each of them, with the levels below."),
    ("cpus", _Amount, "CPUs of each of them, with the levels below."),
    ("pids", _Amount, "Tasks of each of them, with the levels below."),
    ("shm-size", _Amount, "Size of /dev/shm in each of them."),
    (
        "forward",
        _Text,
        "[ADDRESS:]PORT:[CONTAINER:]PORT[/udp]: ports of this machine that lead into the deepest of them.",
    ),
)
_CAMPAIGN: tuple[_Field, ...] = (
    ("cycles", Count, "Number of descents."),
    ("chains", Count, "Number of chains at once."),
    ("churn", Annotated[int, Meta(ge=0)], "Short containers at each bottom."),
    ("soak", str, "Time to hold each chain for, with work in every level: 30m."),
    ("chaos", bool, "Kill a process in each descent."),
    ("seed", int, "Repeat the kills of an earlier campaign."),
    ("time-limit", str, "Stop after this time: 1h."),
    ("measure", bool, "Measure each level at the bottom."),
    ("fail-under", int, "Exit with 1 if the chain came less deep."),
    ("fail-on-leak", bool, "Exit with 1 if anything was left behind."),
)
_CHAIN: tuple[_Field, ...] = (
    ("name", str, "Name of the chain."),
    ("depth", Annotated[int, Meta(ge=0)], "Number of levels. [default: as many as `levels` has]"),
    ("engine", str, "Level-0 engine: host, private, auto or an address."),
    ("ttl", str, "Time after which a chain of `inception up` unwinds: 90s, 45m, 2h."),
    ("publish-engine", _Text, "[LEVEL:]PORT of this machine at which a level's engine is published, with TLS."),
    ("publish-address", str, "Address that published engines listen on."),
    ("tls-san", _Text, "More names in the certificate of published engines."),
    ("insecure-plaintext", bool, "Publish without TLS."),
    ("forward", _Text, "[LEVEL=][ADDRESS:]PORT:[CONTAINER:]PORT[/udp]: ports of this machine that lead into a level."),
    ("expose-host", list[Annotated[int, Meta(ge=1, le=65535)]], "Ports of this machine's loopback in every level."),
)


def _type(name: str, fields: Iterable[_Field]) -> Any:  # noqa: ANN401 a type made here
    """Return the type of a table with `fields`, each of which may be missing, and no others."""
    keys = {key.replace("-", "_"): key for key, _, _ in fields}
    made = [
        (key.replace("-", "_"), Annotated[kind, Meta(description=about)] | UnsetType, UNSET)
        for key, kind, about in fields
    ]
    return msgspec.defstruct(
        name, made, rename=keys, kw_only=True, frozen=True, forbid_unknown_fields=True, module=__name__
    )


@cache
def option_keys() -> dict[str, str]:
    """Return the name of the parameter of `chain_options` for each key that is an option of a chain."""
    return dict(_option_keys())


def _option_keys() -> Iterator[tuple[str, str]]:
    for parameter in parameters_of(chain_options):
        if parameter.name not in _ELSEWHERE:
            option = _option_of(parameter.annotation)
            flags = [option.default, *option.param_decls]  # typer keeps the first name as a default
            named = next((flag[2:] for flag in flags if str(flag).startswith("--")), parameter.name.replace("_", "-"))
            yield named, parameter.name


@cache
def spec_type() -> Any:  # noqa: ANN401 the same
    """Return the type of a whole file."""
    annotations = {it.name: it.annotation for it in parameters_of(chain_options)}
    options = [
        (key, _kind(key, get_args(annotations[name])[0]), str(_option_of(annotations[name]).help))
        for key, name in option_keys().items()
    ]
    tables = [
        ("levels", list[_type("Level", _LEVEL)], "The levels, the outermost first."),  # type: ignore[misc]
        ("campaign", _type("Campaign", _CAMPAIGN), "Options of `inception stress`, which alone obeys them."),
    ]
    return _type("Chain", [*_CHAIN, *options, *tables])


def _option_of(annotation: Any) -> Any:  # noqa: ANN401 typer does not export the type
    return get_args(annotation)[1]


def _kind(key: str, annotated: Any) -> Any:  # noqa: ANN401 type expressions
    """Return the type of the values that the key of an option takes."""
    of = [it for it in get_args(annotated) if it is not type(None)] or [annotated]
    if get_origin(of[0]) is list:
        return _Amount | list[_Amount] if key in _IN_NUMBERS else _Text
    return str | int if key in _IN_NUMBERS else of[0]


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a file, by draft 2020-12."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(spec_type())}
