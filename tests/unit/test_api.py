"""The API for Python programs, as far as it needs no engine."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import get_args

import pytest

import inception
from inception import api, errors
from inception.plan.request import ImageTransfer, Inherit, NetworkMode, PidMode, Request, Storage

LIMITS = {"memory", "cpus", "pids", "shm_size"}
"""Keywords that together make the field `resources` of a request."""
OF_DETACHED_CHAINS = {"attached", "ttl_s", "places"}
"""Fields of a request that a chain which ends with its program has no use for."""


def python(code: str, **environment: str) -> str:
    """The output of a new interpreter that runs `code`."""
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True
    ).stdout.strip()


def test_submodules_never_hide_a_function_of_the_api(tmp_path: Path) -> None:
    code = """
import importlib, pkgutil, inception
for module in pkgutil.walk_packages(inception.__path__, "inception."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
try:
    inception.attach("nonesuch")
except inception.ChainError as error:
    print(error.message)
"""
    assert python(code, INCEPTION_RUN_ROOT=str(tmp_path)) == "there is no chain named nonesuch"


def test_every_name_that_is_offered_is_there() -> None:
    for name in inception.__all__:
        assert getattr(inception, name) is not None
        assert name in dir(inception)


def test_every_error_is_offered() -> None:
    own = {name for name, it in vars(errors).items() if inspect.isclass(it) and issubclass(it, BaseException)}
    assert own <= set(inception.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'inception' has no attribute 'ascend'"):
        inception.ascend  # type: ignore[attr-defined]  # noqa: B018 - asking is what raises


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys; before = set(sys.modules); import inception; print(*sorted(set(sys.modules) - before))"
    assert python(code) == "__future__ inception"


def test_every_field_that_a_user_may_choose_is_a_keyword() -> None:
    keywords = inspect.signature(inception.descend).parameters
    chosen = set(keywords) - {"engine", "on_message", "spec"}
    assert {it.name for it in fields(Request)} - OF_DETACHED_CHAINS == chosen - LIMITS | {"resources"}
    for field in fields(Request):
        if field.name in keywords and field.name not in {"depth", "name", "image"}:
            assert keywords[field.name].default == field.default


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (api.ImageTransferName, ImageTransfer),
        (api.InheritName, Inherit),
        (api.NetworkModeName, NetworkMode),
        (api.PidModeName, PidMode),
        (api.StorageName, Storage),
    ],
)
def test_literals_name_each_member_of_their_enum(names: object, kind: type[StrEnum]) -> None:
    assert get_args(names) == tuple(it.value for it in kind)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"depth": 0}, "depth 0 is the host itself"),
        ({"depth": None}, "nothing says how many levels to start: give a depth, or a spec that has one"),
        ({"depth": -1}, "depth -1 is not between 0 and"),
        ({"storage": "floppy"}, "storage='floppy' is not one of 'auto', 'volume', 'loopback', 'tmpfs'"),
        ({"storage_size": "5 elephants"}, "write it like 5GB"),
        ({"name": "No Name"}, "'No Name' cannot name a chain"),
        ({"memory": ["much"]}, "--memory much: "),
        ({"mounts": ["/nonexistent:/data"]}, "there is no /nonexistent"),
        ({"dns": ["here"]}, "'here' is not the address of a name server"),
    ],
)
def test_a_wrong_argument_is_refused_before_any_engine_is_asked(choices: dict[str, object], said: str) -> None:
    arguments = {"depth": 1, "engine": "unix:///nonexistent", **choices}
    with pytest.raises(inception.UsageError, match=said), inception.descend(**arguments):  # type: ignore[arg-type]
        pass
