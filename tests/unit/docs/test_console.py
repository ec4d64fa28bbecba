from __future__ import annotations

import pytest

from tests.factories.console import Step, read_block, shows


@pytest.mark.parametrize(
    ("pattern", "output", "expected"),
    [
        (("a",), "a\n", True),
        (("a",), "b\n", False),
        (("a",), "a\nb\n", False),
        (("a", "..."), "a\n", True),
        (("a", "...", "z"), "a\nb\nc\nz\n", True),
        (("a", "...", "z"), "a\nb\n", False),
        (("pid:[*]",), "pid:[4026]\n", True),
        (("x * y",), "x   1 2   y\n", True),
        (("x*y",), "x\ny\n", False),
        ((), "", True),
        ((), "a\n", False),
    ],
)
def test_pattern_shows_output(pattern: tuple[str, ...], output: str, expected: bool) -> None:
    assert shows(pattern, output) is expected


def test_block_is_read_as_commands_with_their_output() -> None:
    block = (
        "# one\nfirst\n# cat >f <<END\n> text\n> END\n"
        "# inception --depth 2\n...\n[2/2] root@a-2:/# ls\nbin\n[2/2] root@a-2:/# exit\nend\n"
    )
    assert read_block(block) == [
        Step(command="one", shown=("first",)),
        Step(command="cat >f <<END\ntext\nEND", shown=()),
        Step(
            command="inception --depth 2",
            shown=("...",),
            dialogue=(Step(command="ls", shown=("bin",)), Step(command="exit", shown=("end",))),
        ),
    ]
