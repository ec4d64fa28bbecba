"""Laws of the JSON codec: a value survives it, and what is wrong is refused by the name of its field."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inception.plan.events import Event
from inception.plan.facts import EngineFacts, Facts, HostFacts
from inception.plan.formats.codec import decode, encode, from_json, to_json, to_line
from inception.plan.request import Request

events = st.from_type(Event).filter(lambda event: event.level >= 0)
facts = st.from_type(Facts)
values = st.one_of(events, facts, st.from_type(Request))
# A NaN or an infinity is no number to compute with, and is refused.
finite = values.filter(lambda value: not {"NaN", "Infinity"} & set(re.findall(r"\w+", to_json(value))))


@given(finite)
def test_a_value_survives_json(value: Event | Facts | Request) -> None:
    assert decode(type(value), encode(value)) == value
    assert from_json(type(value), to_json(value)) == value
    assert from_json(type(value), to_line(value)) == value


@given(finite)
def test_a_line_is_one_line(value: Event | Facts | Request) -> None:
    assert to_line(value).splitlines() == [to_line(value)[:-1]]


@given(finite, st.from_regex(r"[a-z_]{1,12}", fullmatch=True))
def test_a_field_too_many_is_refused_by_name(value: Event | Facts | Request, name: str) -> None:
    extra = {**encode(value), f"extra_{name}": 1}
    with pytest.raises(ValueError, match=rf"extra_{name}: no such field"):
        decode(type(value), extra)


@given(facts, st.sampled_from([field.name for field in fields(HostFacts) if field.default is MISSING]))
def test_a_field_that_is_missing_is_refused_by_name(value: Facts, name: str) -> None:
    encoded = encode(value)
    del encoded["host"][name]
    with pytest.raises(ValueError, match=rf"^invalid Facts: host\.{name}: missing$"):
        decode(Facts, encoded)


@given(facts, st.sampled_from([field.name for field in fields(EngineFacts)]))
def test_a_value_of_another_type_is_refused_by_name(value: Facts, name: str) -> None:
    encoded = encode(value)
    encoded["engine"][name] = {"not": "this"}
    with pytest.raises(ValueError, match=rf"^invalid Facts: engine\.{name}(\.not)?: "):
        decode(Facts, encoded)


@given(events, st.integers(min_value=0))
def test_a_line_cut_short_is_refused(event: Event, kept: int) -> None:
    line = to_line(event)
    with pytest.raises(ValueError, match=r"^invalid Event: "):
        from_json(Event, line[: kept % (len(line) - 1)])


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda it: st.lists(it) | st.tuples(it)))
def test_json_other_than_an_object_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^invalid Event: .* is not an object$"):
        from_json(Event, json.dumps(value))
