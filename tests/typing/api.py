"""The API as a type checker sees it: `make check` fails where a call is not accepted, or a wrong one is.

Nothing runs this file. Under mypy's strict mode a `type: ignore` that hides no error is an error.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import assert_type

import docker

import inception
from inception import ChainError, InceptionError, LevelError, Levels, UsageError, attach, descend
from inception.plan.request import NetworkMode, Storage


def descend_is_a_context_manager() -> AbstractContextManager[Levels]:
    return descend(2)


def descend_gives_levels() -> None:
    with descend(depth=2, name="dream", pid="isolated", storage="tmpfs", storage_size="5GB") as levels:
        assert_type(levels, Levels)
        assert_type(levels[1], docker.DockerClient)
        assert_type(levels.bottom, docker.DockerClient)
        assert_type(levels.address(1), str)
        assert_type(len(levels), int)
    descend(spec="ci.toml")
    descend(spec=Path("ci.toml"), engine="private")
    descend(1, storage=Storage.TMPFS, network=NetworkMode.HOST, dns=["192.0.2.53"], mtu=1400, on_message=print)


def attach_gives_levels() -> None:
    assert_type(attach(), Levels)
    with attach("dream") as levels:
        assert_type(levels, Levels)


def errors_have_one_root(error: LevelError) -> tuple[InceptionError, ...]:
    assert_type(error.log_tail, tuple[str, ...])
    parent: ChainError = error
    return parent, UsageError("wrong", remedy="correct it")


def wrong_calls_are_refused() -> None:
    descend(spec=1)  # type: ignore[arg-type]
    descend(2, "dream")  # type: ignore[call-arg]
    descend("2")  # type: ignore[arg-type]
    descend(2, storage="floppy")  # type: ignore[arg-type]
    descend(2, pid=1)  # type: ignore[arg-type]
    descend(2, ttl_s=3.0)  # type: ignore[call-arg]
    descend(2, dns=53)  # type: ignore[arg-type]
    attach(1)  # type: ignore[arg-type]
    inception.ascend()  # type: ignore[attr-defined]
