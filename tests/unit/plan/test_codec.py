from __future__ import annotations

import json
from typing import Any

import pytest

from inception.plan.chain import ChainPlan
from inception.plan.events import Event
from inception.plan.formats.codec import decode, encode, from_json, to_json
from inception.plan.light_dataclasses import dataclass
from inception.plan.request import Storage
from tests.factories.plans import plan


@dataclass(frozen=True, kw_only=True)
class _Shelf:
    books: int
    widths: tuple[tuple[float, ...], ...] = ()
    kind: Storage | None = None
    full: bool = False


def test_a_value_of_every_kind_survives_json() -> None:
    shelf = _Shelf(books=1, widths=((), (1.5, 2.0)), kind=Storage.TMPFS, full=True)
    assert encode(shelf) == {"books": 1, "widths": [[], [1.5, 2.0]], "kind": "tmpfs", "full": True}
    assert from_json(_Shelf, to_json(shelf)) == shelf


def test_a_tuple_of_values_survives_json() -> None:
    shelves = (_Shelf(books=0), _Shelf(books=1))
    assert from_json(tuple[_Shelf, ...], to_json(shelves)) == shelves


def test_a_whole_number_is_a_float_where_one_is_due() -> None:
    (width,) = decode(_Shelf, {"books": 0, "widths": [[2]]}).widths[0]
    assert type(width) is float


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"books": True}, "books: True is not a int"),
        ({"books": 1.0}, "books: 1.0 is not a int"),
        ({"books": 0, "widths": [[1.0], [1.0, "2"]]}, "widths[1][1]: '2' is not a float"),
        ({"books": 0, "widths": "12"}, "widths: '12' is not a list"),
        ({"books": 0, "kind": "drawer"}, "kind: 'drawer' is not a Storage"),
        ({"books": 0, "kind": []}, "kind: [] is not a Storage"),
        ({"books": 0, "full": 1}, "full: 1 is not a bool"),
        ({"books": 0, "colour": "red"}, "colour: no such field"),
        ({"books": 0, "widths": [[float("inf")]]}, "widths[0][0]: inf is not a float"),
        ({"books": 0, "widths": [[float("nan")]]}, "widths[0][0]: nan is not a float"),
        ({"books": 0, "widths": [[10**400]]}, f"widths[0][0]: 1{'0' * 79}... is not a float"),
        ({}, "books: missing"),
        ([], "[] is not an object"),
    ],
)
def test_a_wrong_value_is_refused_by_its_place(wrong: object, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (its whole text is compared)
        decode(_Shelf, wrong)
    assert str(refused.value) == f"invalid _Shelf: {message}"


def _old_plan() -> dict[str, Any]:
    """A plan of version 1 as the first releases wrote it: without the fields that came later."""
    fields: dict[str, Any] = json.loads(plan(2).to_json())
    for name in ("remote", "podman", "restart_engines"):
        del fields[name]
    for name in ("restart_engines", "force", "ttl_s"):
        del fields["request"][name]
    return fields


def test_a_plan_without_later_fields_is_read_with_their_defaults() -> None:
    assert ChainPlan.from_json(json.dumps(_old_plan())) == plan(2)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("levels", 1, "storage", "kind"), "tape", r"levels\[1\]\.storage\.kind: 'tape' is not a Storage"),
        (("request", "dns"), "192.0.2.53", r"request\.dns: '192\.0\.2\.53' is not a list"),
        (("mtu",), None, "mtu: None is not a int"),
    ],
)
def test_a_wrong_plan_is_refused_by_the_field(path: tuple[Any, ...], value: object, message: str) -> None:
    fields = _old_plan()
    place: Any = fields
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=f"^invalid ChainPlan: {message}$"):
        ChainPlan.from_json(json.dumps(fields))


@pytest.mark.parametrize("numbers", [[2], [1, 1], [0, 1], [2, 1]])
def test_a_plan_whose_levels_are_not_counted_from_1_is_refused(numbers: list[int]) -> None:
    fields = json.loads(plan(1).to_json())
    fields["levels"] = [{**fields["levels"][0], "number": number} for number in numbers]
    with pytest.raises(ValueError, match="levels: their numbers are not 1 to N"):
        ChainPlan.from_json(json.dumps(fields))


def test_a_plan_with_the_path_of_another_place_for_its_name_is_refused() -> None:
    with pytest.raises(ValueError, match="name: it cannot name a chain"):
        ChainPlan.from_json(json.dumps({**json.loads(plan(1).to_json()), "name": "../etc"}))


@pytest.mark.parametrize("kind", [ChainPlan, Event])
def test_what_is_nested_too_deeply_is_refused(kind: type[ChainPlan | Event]) -> None:
    read = ChainPlan.from_json if kind is ChainPlan else Event.from_line
    with pytest.raises(ValueError, match="nested too deeply"):
        read("[" * 100_000)


@pytest.mark.parametrize("text", ["", "[]", "null", "{}"])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (of JSON's or ours)
        ChainPlan.from_json(text)


def test_an_event_without_a_level_is_refused_by_the_field() -> None:
    line = '{"time_s":1.0,"monotonic_s":1.0,"phase":"ready","state":"end"}'
    with pytest.raises(ValueError, match=r"^invalid Event: level: missing$"):
        Event.from_line(line)
