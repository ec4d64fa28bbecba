"""Compare these dataclasses with those of the standard library, and check that a runner imports no others."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from functools import cached_property

import pytest

from inception.plan.light_dataclasses import MISSING, dataclass, defaults_of, replace


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Boards and books."""

    boards: int
    books: tuple[str, ...] = ()

    @cached_property
    def full(self) -> bool:
        """Whether no book fits any more."""
        return len(self.books) >= 10 * self.boards


@dataclasses.dataclass(frozen=True, kw_only=True)
class StandardShelf:
    """The same, by the standard library."""

    boards: int
    books: tuple[str, ...] = ()


def test_fields_have_their_values_or_their_defaults() -> None:
    assert (Shelf(boards=2).boards, Shelf(boards=2).books) == (2, ())
    assert Shelf(books=("Emma",), boards=1).books == ("Emma",)
    assert dict(defaults_of(Shelf) or {}) == {"boards": MISSING, "books": ()}
    assert defaults_of(StandardShelf) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "Shelf lacks a value for 'boards'"),
        ({"books": ()}, "Shelf lacks a value for 'boards'"),
        ({"boards": 1, "width": 2, "height": 3}, "Shelf has no field 'height'"),
    ],
)
def test_wrong_fields_are_refused_by_name(values: dict[str, object], message: str) -> None:
    with pytest.raises(TypeError, match=f"^{message}$"):
        Shelf(**values)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        StandardShelf(**values)  # type: ignore[arg-type]


def test_values_have_names() -> None:
    with pytest.raises(TypeError):
        Shelf(1)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["boards", "width"])
def test_fields_cannot_be_changed(name: str) -> None:
    shelf = Shelf(boards=1)
    with pytest.raises(dataclasses.FrozenInstanceError, match=name):
        setattr(shelf, name, 2)
    with pytest.raises(dataclasses.FrozenInstanceError, match=name):
        delattr(shelf, name)
    assert shelf == Shelf(boards=1)


def test_equal_values_are_equal_whatever_is_cached() -> None:
    one, other = Shelf(boards=1, books=("Emma",)), Shelf(boards=1, books=("Emma",))
    assert not one.full
    assert one == other
    assert hash(one) == hash(other)
    assert one != Shelf(boards=2, books=("Emma",))
    assert one != StandardShelf(boards=1, books=("Emma",))  # type: ignore[comparison-overlap]


def test_text_of_a_value_is_that_of_the_standard_library() -> None:
    assert repr(Shelf(boards=1)) == repr(StandardShelf(boards=1)).removeprefix("Standard")


def test_replace_changes_some_fields() -> None:
    shelf = Shelf(boards=1, books=("Emma",))
    assert shelf.full is False
    assert replace(shelf, boards=2) == dataclasses.replace(shelf, boards=2) == Shelf(boards=2, books=("Emma",))
    with pytest.raises(TypeError, match="no field 'width'"):
        replace(shelf, width=1)  # type: ignore[call-arg]


def test_replace_keeps_the_other_fields_of_a_standard_dataclass() -> None:
    assert replace(StandardShelf(boards=1, books=("Emma",)), boards=2) == StandardShelf(boards=2, books=("Emma",))
    with pytest.raises(TypeError, match="width"):
        replace(StandardShelf(boards=1), width=2)  # type: ignore[call-arg]


def test_functions_of_the_standard_library_take_them() -> None:
    shelf = Shelf(boards=1, books=("Emma",))
    assert dataclasses.is_dataclass(shelf)
    assert dataclasses.is_dataclass(Shelf)
    assert dataclasses.asdict(shelf) == {"boards": 1, "books": ("Emma",)}
    ours, standard = dataclasses.fields(Shelf), dataclasses.fields(StandardShelf)
    assert [(it.name, it.default) for it in ours] == [(it.name, it.default) for it in standard]


def test_copies_are_equal() -> None:
    shelf = Shelf(boards=1, books=("Emma",))
    assert copy.copy(shelf) == copy.deepcopy(shelf) == pickle.loads(pickle.dumps(shelf)) == shelf  # noqa: S301 (ours)


def test_signature_names_each_field() -> None:
    names = [(it.name, it.kind, it.default) for it in inspect.signature(Shelf).parameters.values()]
    assert names == [(it.name, it.kind, it.default) for it in inspect.signature(StandardShelf).parameters.values()]


@pytest.mark.parametrize("options", [{"frozen": False, "kw_only": True}, {"frozen": True, "kw_only": False}])
def test_other_dataclasses_are_refused(options: dict[str, bool]) -> None:
    with pytest.raises(TypeError, match="use those of `dataclasses`"):
        dataclass(**options)


def test_runner_imports_no_standard_dataclasses() -> None:
    program = "import sys, inception.level.runner; print(*{'dataclasses', 'inspect'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
