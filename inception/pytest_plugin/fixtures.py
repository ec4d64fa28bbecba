"""The plugin that pytest loads: options, the marker `inception`, fixtures. It imports nothing else of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from inception.pytest_plugin.engine import CleanEngine

if TYPE_CHECKING:
    from inception.chain.level_clients import Levels
    from inception.pytest_plugin.chains import Chains

_MARKER = "inception"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings."""
    parser.addini("inception_depth", "Depth of the chains of inception's fixtures.", default="1")
    parser.addini("inception_level_0", "Level-0 engine of them: host, private, auto, an address.", default="auto")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(depth=1, engine='auto', ...): start the chain of inception's fixtures with these arguments of "
        "inception.descend",
    )


@pytest.fixture(scope="session")
def inception_chains() -> Iterator[Chains]:
    """Give the chains of this session, which are unwound at its end."""
    from inception.pytest_plugin.chains import Chains

    with Chains() as chains:
        yield chains


@pytest.fixture(scope="session")
def inception_session_engine(inception_chains: Chains, pytestconfig: pytest.Config) -> CleanEngine:
    """Give the bottom of the session's chain: what is made there stays until the session ends.

    `inception_engine` keeps it: images that all tests need are pulled or built here.
    """
    return CleanEngine(inception_chains.get(_defaults(pytestconfig)))


@pytest.fixture
def inception_engine(request: pytest.FixtureRequest, inception_chains: Chains) -> Iterator[CleanEngine]:
    """Give the bottom of a chain; containers, networks, volumes and images that the test made are removed after it."""
    with inception_chains.clean(arguments_of(request.node), all_levels=False) as levels:
        yield CleanEngine(levels)


@pytest.fixture
def inception_chain(request: pytest.FixtureRequest, inception_chains: Chains) -> Iterator[Levels]:
    """Give the engines of all levels of a chain; what the test made at any of them is removed after it."""
    with inception_chains.clean(arguments_of(request.node), all_levels=True) as levels:
        yield levels


@pytest.fixture
def inception_docker_host(inception_engine: CleanEngine, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let DOCKER_HOST name the engine of `inception_engine` during a test, and give that address.

    So do the Docker CLI and libraries such as testcontainers use it; the latter's reaper is off, as nothing needs it.
    """
    for other in ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv("DOCKER_HOST", inception_engine.docker_host)
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
    return inception_engine.docker_host


def arguments_of(node: pytest.Item) -> dict[str, Any]:
    """Return the arguments of `descend` for a test: those of its markers, the closest first, or the settings."""
    arguments = _defaults(node.config)
    for marker in reversed(list(node.iter_markers(_MARKER))):
        if marker.args:
            raise pytest.UsageError(f"{node.nodeid}: the marker inception takes keywords only: inception(depth=2)")
        if "spec" in marker.kwargs and "depth" not in marker.kwargs:
            arguments["depth"] = None  # The file says it.
        arguments.update(marker.kwargs)
    return arguments


def _defaults(config: pytest.Config) -> dict[str, Any]:
    depth = config.getini("inception_depth")
    if not depth.isdecimal():
        raise pytest.UsageError(f"inception_depth = {depth} is not a number of levels: write it like 2")
    return {"depth": int(depth), "engine": config.getini("inception_level_0")}
