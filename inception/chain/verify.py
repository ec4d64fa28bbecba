"""Boot one level from an image and check that each program in it and its engine work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile

import docker

from inception.callbacks import ignore
from inception.chain.prepare import prepare
from inception.chain.running import RunningChain, running
from inception.engine.connect import Engine
from inception.engine.translate import translated
from inception.errors import EngineError
from inception.image.recipe import LABEL_WITHOUT
from inception.plan.light_dataclasses import dataclass
from inception.plan.request import Request


@dataclass(frozen=True, kw_only=True)
class Program:
    """Program in the image: a command that prints something and changes nothing, and its package if it is optional."""

    command: tuple[str, ...]
    package: str | None = None

    @property
    def name(self) -> str:
        """Words of the command before its options and their `version`, without a PATH of its own."""
        words = self.command[2:] if self.command[0] == "env" else self.command
        return " ".join(takewhile(lambda word: word != "version" and not word.startswith("-"), words))


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_COMMANDS = (
    ("containerd", "--version"),
    ("containerd-shim-runc-v2", "-v"),
    ("runc", "--version"),
    ("docker", "--version"),
    # Docker's own packages have it where dockerd alone looks.
    ("env", f"PATH={_PATH}:/usr/libexec/docker", "docker-init", "--version"),
    ("tini", "--version"),
    ("xz", "--version"),
    ("unpigz", "--version"),
    ("zstd", "--version"),
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
_OPTIONAL_COMMANDS = (
    ("docker-buildx", ("docker", "buildx", "version")),
    ("docker-compose", ("docker", "compose", "version")),
    ("git", ("git", "--version")),
    ("openssh-client", ("ssh", "-V")),
)
PROGRAMS = (
    *(Program(command=command) for command in _COMMANDS),
    *(Program(command=command, package=package) for package, command in _OPTIONAL_COMMANDS),
)
"""Programs that a level, its engine, its runner and its users call."""


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
            return (*_programs(engine.client, chain, programs_of(inner, plan.level(1).image)), *_engine(inner, chain))


def programs_of(client: docker.APIClient, image: str) -> tuple[Program, ...]:
    """Return the programs that `image` should have: a slim one lacks those of the packages in its label.

    Raises EngineError.
    """
    with translated(f"reading image {image}"):
        config = client.inspect_image(image).get("Config") or {}
    left_out = ((config.get("Labels") or {}).get(LABEL_WITHOUT) or "").split(",")
    return tuple(program for program in PROGRAMS if program.package not in left_out)


def _programs(client: docker.APIClient, chain: RunningChain, programs: Sequence[Program]) -> Iterator[Check]:
    container = chain.plan.level(1).container
    for program in programs:
        with translated(f"running {program.name} at level 1"):
            execution = client.exec_create(container, list(program.command))["Id"]
            output = client.exec_start(execution).decode(errors="replace").strip()
            status = client.exec_inspect(execution)["ExitCode"]
        first_line = output.splitlines()[0] if output else f"exit status {status}"
        yield Check(name=program.name, failed=status != 0, detail=first_line)


def _engine(inner: docker.APIClient, chain: RunningChain) -> Iterator[Check]:
    # By name: with containerd's store at level 0 or here, the engines' ids of one image differ.
    image = chain.plan.level(1).image
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
