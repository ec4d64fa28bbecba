from __future__ import annotations

from typing import Any

import pytest

from inception.plan.engine.options import (
    DaemonJson,
    DockerdArgument,
    LevelRange,
    parse_dockerd_argument,
    parse_level_image,
    parse_level_runtime,
    ranges,
    split_levels,
)
from inception.plan.engine.proxies import Proxies
from inception.plan.engine.settings import SettingsFile
from inception.plan.planner import plan_chain
from inception.plan.refusal import Refusal
from tests.factories.plans import FACTS, request


@pytest.mark.parametrize(
    ("text", "levels", "value"),
    [
        ("--debug", "1-", "--debug"),
        ("2:--debug", "2", "--debug"),
        ("2-4:--label=a:b", "2-4", "--label=a:b"),
        ("3-:d.json", "3-", "d.json"),
        ("./2-4:d.json", "1-", "./2-4:d.json"),
    ],
)
def test_levels_before_a_colon_are_split_off(text: str, levels: str, value: str) -> None:
    found, rest = split_levels(text, ":")
    assert (str(found), rest) == (levels, value)


@pytest.mark.parametrize("text", ["0:--debug", "4-2:--debug"])
def test_levels_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="are no levels"):
        split_levels(text, ":")


@pytest.mark.parametrize(
    ("text", "levels", "image"),
    [
        ("2=inception-level:1", "2", "inception-level:1"),
        ("2-4=host:5000/level:1", "2-4", "host:5000/level:1"),
        ("3-=level", "3-", "level"),
        ("2:1", "1-", "2:1"),
    ],
)
def test_an_image_is_for_the_levels_before_an_equals_sign(text: str, levels: str, image: str) -> None:
    found = parse_level_image(text)
    assert (str(found.levels), found.image) == (levels, image)


@pytest.mark.parametrize("text", ["", "2=", "two=level:1", "0=level:1", "4-2=level:1", "--help", "a b"])
def test_what_names_no_image_for_a_level_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no image|no levels"):
        parse_level_image(text)


@pytest.mark.parametrize(("text", "runtime"), [("crun", "crun"), ("2=runc", "runc"), ("/opt/crun-1", "/opt/crun-1")])
def test_a_runtime_is_a_name_or_an_absolute_path(text: str, runtime: str) -> None:
    assert parse_level_runtime(text).runtime == runtime


@pytest.mark.parametrize("text", ["", "2=", "bin/crun", "crun --debug", "/", "2=x=y"])
def test_other_words_are_no_runtime(text: str) -> None:
    with pytest.raises(ValueError, match="names no runtime"):
        parse_level_runtime(text)


def test_runs_of_levels_are_summed_up() -> None:
    assert ranges(["private"] * 3 + ["shared"]) == "private 1-3, shared 4"
    assert ranges([]) == ""


def test_a_range_holds_both_of_its_ends() -> None:
    assert [number for number in range(1, 8) if number in LevelRange(first=2, last=4)] == [2, 3, 4]
    assert [number for number in range(1, 5) if number in LevelRange(first=3)] == [3, 4]


@pytest.mark.parametrize("text", ["debug", "--label a=b", ""])
def test_a_word_that_is_no_option_of_dockerd_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an option of dockerd"):
        parse_dockerd_argument(text)


def _argument(text: str) -> tuple[DockerdArgument, ...]:
    return (parse_dockerd_argument(text),)


def _file(text: str) -> tuple[DaemonJson, ...]:
    return (DaemonJson(levels=LevelRange(), file=SettingsFile(source="d.json", text=text)),)


@pytest.mark.parametrize(
    ("changes", "said", "remedy"),
    [
        ({"dockerd": _argument("--data-root=/x")}, "--dockerd --data-root=/x sets data-root", "leave it out"),
        ({"dockerd": _argument("-H=tcp://192.0.2.1:1")}, "sets hosts", "--publish-engine"),
        ({"dockerd": _argument("2:--bip=10.0.0.1/24")}, "sets bip", "--pool"),
        ({"dockerd": _argument("--config-file=/x")}, "sets config-file", "--daemon-json"),
        ({"dockerd": _argument("9:--debug")}, "no level 9 in a chain of depth 4", "levels that it has"),
        ({"level_images": (parse_level_image("5=x"),)}, "no level 5 in a chain of depth 4", "levels that it has"),
        ({"daemon_json": _file('{"storage-driver": "vfs"}')}, "d.json sets storage-driver", "leave it out"),
        ({"daemon_json": _file("{")}, "d.json is not JSON", "as dockerd reads it"),
        ({"proxy": Proxies(http="ftp://192.0.2.1")}, "'ftp://192.0.2.1' is not the address of a proxy", "http://"),
        ({"registry_mirrors": ("mirror.example",)}, "'mirror.example' is not the URL", "https://"),
        ({"insecure_registries": ("http://a.example",)}, "'http://a.example' is not a registry", "write it like"),
        ({"ca": ("-----BEGIN PRIVATE KEY-----",)}, "holds no certificate", "PEM"),
    ],
)
def test_a_wrong_engine_setting_is_a_usage_error_that_names_it(changes: dict[str, Any], said: str, remedy: str) -> None:
    with pytest.raises(Refusal) as refused:
        plan_chain(request(4, **changes), FACTS)
    assert refused.value.usage
    assert said in str(refused.value)
    assert remedy in refused.value.remedy
