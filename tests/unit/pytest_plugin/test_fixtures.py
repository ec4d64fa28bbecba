"""The plugin without an engine: the cost of loading it, markers, settings. tests/integration/test_pytest_plugin.py."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from inception.errors import UsageError
from inception.pytest_plugin.chains import Chains
from inception.pytest_plugin.fixtures import arguments_of


@dataclass(frozen=True, kw_only=True)
class Node:
    """A test with markers, the closest first, and the settings of its project."""

    marks: tuple[pytest.MarkDecorator, ...] = ()
    depth: str = "1"
    nodeid: str = "test_it.py::test_it"

    @property
    def config(self) -> Node:
        return self

    def getini(self, name: str) -> str:
        return {"inception_depth": self.depth, "inception_level_0": "auto"}[name]

    def iter_markers(self, name: str) -> list[pytest.Mark]:
        return [it.mark for it in self.marks if it.name == name]


def arguments(**values: Any) -> dict[str, Any]:
    return arguments_of(Node(**values))  # type: ignore[arg-type]


def test_loading_the_plugin_loads_nothing_but_its_own_modules() -> None:
    code = """
import dataclasses, pytest, sys
before = set(sys.modules)
import inception.pytest_plugin.fixtures
print(*sorted(set(sys.modules) - before))
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.split() == [
        "inception",
        "inception.pytest_plugin",
        "inception.pytest_plugin.engine",
        "inception.pytest_plugin.fixtures",
    ]


def test_a_spec_has_the_depth_unless_the_marker_says_another() -> None:
    mark = pytest.mark.inception
    assert arguments(marks=(mark(spec="ci.toml"),)) == {"depth": None, "engine": "auto", "spec": "ci.toml"}
    assert arguments(marks=(mark(spec="ci.toml", depth=2),))["depth"] == 2


def test_the_closest_marker_prevails_over_others_and_over_the_settings() -> None:
    mark = pytest.mark.inception
    assert arguments(depth="2") == {"depth": 2, "engine": "auto"}
    marks = (mark(depth=4), pytest.mark.slow(depth=9), mark(depth=3, engine="private", storage="tmpfs"))
    assert arguments(marks=marks) == {"depth": 4, "engine": "private", "storage": "tmpfs"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"marks": (pytest.mark.inception(2),)}, "test_it: the marker inception takes keywords only"),
        ({"depth": "deep"}, "inception_depth = deep is not a number of levels"),
    ],
)
def test_a_wrong_marker_or_setting_is_named(values: dict[str, Any], said: str) -> None:
    with pytest.raises(pytest.UsageError, match=said):
        arguments(**values)


def test_a_wrong_argument_of_a_chain_is_named_by_descend() -> None:
    with Chains() as chains:
        with pytest.raises(TypeError, match="unexpected keyword argument 'depht'"):
            chains.get({"depth": 1, "depht": 2})
        with pytest.raises(UsageError, match="depth 0 is the host itself"):
            chains.get({"depth": 0})
