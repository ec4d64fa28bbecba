"""A chain that a program describes by `descend(spec=...)`, as far as that needs no engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inception.api import descend, usual_arguments
from inception.chain.forwarding.forward import Exposure
from inception.errors import UsageError
from inception.plan.request import Storage
from inception.spec.described import DescribedChain, read_description

TREE = """\
name = "ci"
engine = "private"
storage = "tmpfs"
mount = ["src:/src"]
ttl = "2h"
expose-host = [5000]
publish-engine = "2:2376"

[[levels]]
name = "host"

[[levels]]
name = "a"
parent = "host"
depth = 2
forward = "8080:80"

[[levels]]
name = "b"
parent = "host"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "ci.toml").write_text(TREE)
    return tmp_path / "ci.toml"


def described(file: Path | None, **given: Any) -> DescribedChain:
    usual = {name: it for name, it in usual_arguments().items() if name not in {"spec", "on_message"}}
    return read_description({**usual, **given}, file, usual)


def test_a_file_says_all_that_arguments_do_not(file: Path) -> None:
    chain = described(file)
    assert (chain.request.name, chain.request.depth, chain.engine) == ("ci", 4, "private")
    assert chain.request.storage is Storage.TMPFS
    assert [(it.above, it.label) for it in chain.request.places] == [(0, "host"), (1, "a"), (2, ""), (1, "b")]
    assert [it.source for it in chain.request.mounts] == [str(file.parent / "src")]
    forward, exposed = sorted(chain.carried, key=lambda it: isinstance(it, Exposure))
    assert (forward.level, forward.port, exposed) == (3, 8080, Exposure(port=5000))  # type: ignore[union-attr]
    assert [(it.level, it.port, it.address) for it in chain.publications] == [(2, 2376, "127.0.0.1")]
    # The chain ends with the block.
    assert (chain.request.attached, chain.request.ttl_s) == (True, None)


def test_arguments_go_before_the_file(file: Path) -> None:
    chain = described(file, name="other", engine="host", storage="volume", mounts=["/:/root-of-host:ro"])
    assert (chain.request.name, chain.engine, chain.request.storage) == ("other", "host", Storage.VOLUME)
    assert [it.source for it in chain.request.mounts] == ["/"]


def test_without_a_file_there_are_arguments_alone() -> None:
    chain = described(None, depth=2, name="dream")
    assert (chain.request.depth, chain.request.places, chain.engine) == (2, (), "auto")
    assert (chain.carried, chain.publications) == ((), ())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("colour = 1\n", r"ci\.toml:1: colour: there is no key colour: see: inception spec --schema"),
        ('depth = 2\ndns = "here"\n', r"ci\.toml:2: dns: 'here' is not the address of a name server"),
        ('depth = "two"\n', r"ci\.toml:1: depth: it is a text, not a whole number"),
        ('name = "dream"\n', "nothing says how many levels to start: give a depth, or a spec that has one"),
        ("depth = 0\n", "depth 0 is the host itself"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_key_before_any_engine_is_asked(
    tmp_path: Path, wrong: str, said: str
) -> None:
    (tmp_path / "ci.toml").write_text(wrong)
    with pytest.raises(UsageError, match=said), descend(spec=tmp_path / "ci.toml", engine="unix:///nonexistent"):
        pass


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"/nonesuch/ci\.toml cannot be read: No such file"):
        described(Path("/nonesuch/ci.toml"))
