"""Boot one level from an image and check that each program in it and its engine work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import docker

from inception.callbacks import ignore
from inception.chain.prepare import prepare
from inception.chain.running import RunningChain, running
from inception.engine.connect import Engine
from inception.engine.translate import translated
from inception.errors import EngineError
from inception.plan.request import Request

PROGRAMS = (
    ("containerd", "--version"),
    ("containerd-shim-runc-v2", "-v"),
    ("runc", "--version"),
    ("docker", "--version"),
    ("docker-init", "--version"),
    ("tini", "--version"),
    ("iptables-nft", "--version"),
    ("iptables-legacy", "--version"),
    ("ip", "-V"),
    ("mount", "--version"),
    ("losetup", "--version"),
    ("mke2fs", "-V"),
    ("e2fsck", "-V"),
    ("ps", "--version"),
    ("bash", "--version"),
    (
        "python3",
        "-W",
        "error",
        "-c",
        "import ctypes, docker, json, ssl, tenacity; print('docker', docker.__version__)",
    ),
)
"""Programs that a level, its runner and its users call, with arguments that print something and change nothing."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """Result for one part of a level: its output, or why it `failed`."""

    name: str
    failed: bool
    detail: str


def verify_image(engine: Engine, request: Request, on_message: Callable[[str], None]) -> tuple[Check, ...]:
    """Boot the one level of `request`, check its parts and unwind it.

    Raises ImageError, PlanError, UsageError, ChainError, LevelError or EngineError if the level does not boot.
    """
    plan = prepare(engine, request, on_message)
    with running(engine.client, plan, ignore) as chain:
        on_message("level 1 is up: checking its parts")
        with chain.client_of(1) as inner:
            return (*_programs(engine.client, chain), *_engine(inner, chain))


def _programs(client: docker.APIClient, chain: RunningChain) -> Iterator[Check]:
    container = chain.plan.level(1).container
    for program in PROGRAMS:
        with translated(f"running {program[0]} at level 1"):
            execution = client.exec_create(container, list(program))["Id"]
            output = client.exec_start(execution).decode(errors="replace").strip()
            status = client.exec_inspect(execution)["ExitCode"]
        first_line = output.splitlines()[0] if output else f"exit status {status}"
        yield Check(name=program[0], failed=status != 0, detail=first_line)


def _engine(inner: docker.APIClient, chain: RunningChain) -> Iterator[Check]:
    # By name: with containerd's store at level 0 or here, the engines' ids of one image differ.
    image = chain.plan.image
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("engine", lambda: f"Docker {inner.version()['Version']}, storage driver {inner.info()['Driver']}"),
        ("image", lambda: str(inner.inspect_image(image)["Id"])),
        ("container", lambda: _container_address(inner, image)),
    )
    for name, check in checks:
        try:
            with translated("level 1"):
                detail = check()
        except EngineError as error:
            yield Check(name=name, failed=True, detail=error.message)
        else:
            yield Check(name=name, failed=False, detail=detail)


def _container_address(inner: docker.APIClient, image: str) -> str:
    """Return the IP address of a container of the level's engine, as a program in that container reads it."""
    with _container(inner, image, ["ip", "-4", "-brief", "address", "show", "eth0"]) as container:
        inner.start(container)
        status = inner.wait(container)["StatusCode"]
        output: str = inner.logs(container).decode(errors="replace").strip()
    if status != 0:
        raise EngineError(f"exit status {status}: {output}")
    return " ".join(output.split())


@contextmanager
def _container(inner: docker.APIClient, image: str, command: list[str]) -> Iterator[str]:
    created = inner.create_container(image=image, entrypoint=command)["Id"]
    try:
        yield created
    finally:
        inner.remove_container(created, force=True, v=True)
