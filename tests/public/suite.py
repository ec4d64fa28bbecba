"""Read what `tests/public/suites` says about each public test suite."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DIRECTORY = Path(__file__).with_name("suites")


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A public test suite, and how it is run here.

    `source` is the requirement whose source archive holds the tests, `packages` are those that they import, and
    `tests` what pytest gets. `images` maps the tags that the tests ask for to the stand-ins of `tests/public/images`.
    `left_out`, `depends_on_version` and `races` map tests to a reason: those that cannot run without a registry, those
    that two versions of Docker answer differently, and those whose own race decides, which are tried again.
    """

    name: str
    source: str
    packages: tuple[str, ...]
    tests: tuple[str, ...]
    images: Mapping[str, str]
    environment: Mapping[str, str]
    left_out: Mapping[str, str]
    depends_on_version: Mapping[str, str]
    races: Mapping[str, str]


def suite_names() -> list[str]:
    """Return the names of all suites, sorted."""
    return sorted(path.stem for path in _DIRECTORY.glob("*.toml"))


def read_suite(name: str) -> Suite:
    """Return the suite `name`."""
    found = tomllib.loads((_DIRECTORY / f"{name}.toml").read_text())
    return Suite(
        name=name,
        source=found["source"],
        packages=tuple(found["packages"]),
        tests=tuple(found["tests"]),
        images=found["images"],
        environment=found.get("environment", {}),
        left_out=_reasons(found.get("left_out", [])),
        depends_on_version=_reasons(found.get("depends_on_version", [])),
        races=_reasons(found.get("races", [])),
    )


def _reasons(groups: list[dict[str, Any]]) -> dict[str, str]:
    return {test: group["reason"] for group in groups for test in group["tests"]}
