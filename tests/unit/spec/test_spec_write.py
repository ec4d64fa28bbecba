from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from inception.chain.forwarding.forward import Exposure, Forward
from inception.chain.inputs.request import read_request
from inception.chain.publishing.publish import parse_publications
from inception.plan.engine.proxies import Proxies
from inception.plan.request import Request
from inception.plan.tree import line
from inception.spec.keys import json_schema, option_keys
from inception.spec.options import chain_options, parameters_of
from inception.spec.read import read_spec
from inception.spec.write import spec_of
from tests.factories import plans
from tests.factories.trees import PLACES, tree

USUAL = {it.name: it.default for it in parameters_of(chain_options) if it.name != "depth"}
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


def made(**values: object) -> Request:
    """Return the request that options with `values` make."""
    given_values = {**USUAL, "name": "dream", "depth": 4, **values}
    here = bool(given_values.pop("here"))
    return read_request(given_values, here=here)


def round_trip(request: Request, tmp_path: Path) -> Request:
    """Return the request that the file of the chain of `request` makes."""
    file = tmp_path / "chain.toml"
    text, warnings = spec_of(replace(plans.plan(request.depth), request=request), None, ())
    assert warnings == []
    file.write_text(text)
    return made(**read_spec(str(file)).applied({**USUAL, "depth": None}, ()))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"image": "one:2", "level_images": ["2=two", "3-=localhost:5000/three"], "runtimes": ["crun", "2=runc"]},
        {"image_store": ["overlay2", "2-3=containerd"], "image_transfer": "load", "restart_engines": True},
        {"memory": ["2GB", "2-3:1.5GiB"], "cpus": ["1.5", "4:0.25"], "pids": ["2:2000"], "shm_size": ["1GB", "2:9MB"]},
        {"dns": ["192.0.2.1"], "mtu": 1400, "pool": "10.99.0.0/16", "network": "host", "pid": "shared", "headroom": 0},
        {"storage": "loopback", "storage_size": "30GB", "patience": 2.5, "force": True},
        {"dockerd": ["--debug", "2-4:--log-level=warn"], "daemon_json": ['{"debug": true}', '3:{"a": "é\\"\\u0000"}']},
        {"registry_mirrors": ["https://mirror.example"], "insecure_registries": ["10.0.0.0/8"], "inherit": "none"},
        {"mounts": ["/etc:/host/etc:ro", "2-=/tmp:/host/tmp"], "here": True},
        {"proxy": "http://proxy.example:3128", "inherit": "none"},
        {"preload": ["app:1", "localhost:5000/app"]},
    ],
)  # fmt: skip
def test_the_file_of_a_chain_makes_its_request_again(
    values: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    request = made(**values)
    assert round_trip(request, tmp_path) == request


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(mirrors=st.lists(TEXT, max_size=3), size=st.integers(1, 10**15), patience=st.floats(0.1, 1e6))
def test_any_text_and_number_is_read_as_it_was_written(
    mirrors: list[str], size: int, patience: float, tmp_path: Path
) -> None:
    plan = plans.plan(2)
    request = Request(depth=2, name="dream", image="one", dns=tuple(mirrors), storage_size=size, patience=patience)
    file = tmp_path / "chain.toml"
    file.write_text(spec_of(replace(plan, request=request), None, ())[0])
    read = read_spec(str(file)).applied({"dns": (), "storage_size": None, "patience": 1.0}, ())
    assert read == {"dns": mirrors or (), "storage_size": f"{size}B", "patience": patience}


def test_ports_time_and_engine_are_in_the_file(tmp_path: Path) -> None:
    carried = (
        Forward(level=2, address="::1", port=8080, container="web", target=80, protocol="tcp"),
        Forward(level=4, address="127.0.0.1", port=5353, container=None, target=53, protocol="udp"),
        Exposure(port=5000),
    )
    file = tmp_path / "chain.toml"
    published = parse_publications(
        ("2:2376", "2377"), address="192.0.2.7", plain=False, tls_names=("ci",), shape=line(4)
    )
    text, _ = spec_of(replace(plans.plan(4), ttl_s=90.0), "private", carried, published)
    file.write_text(text)
    spec = read_spec(str(file))
    assert spec.carried(line(4)) == carried
    assert spec.applied(dict.fromkeys(("engine", "ttl", "publish_engine", "publish_address", "tls_san")), ()) == {
        "engine": "private",
        "ttl": "90s",
        "publish_engine": ["2:2376", "4:2377"],
        "publish_address": "192.0.2.7",
        "tls_san": ["ci"],
    }


@pytest.mark.parametrize(
    ("proxies", "warned"),
    [
        (Proxies(http="http://me:secret@proxy:3128", https="http://me:secret@proxy:3128"), "a user and a password"),
        (Proxies(http="http://one:3128", https="http://two:3128"), "proxies of the environment are left out"),
        (Proxies(http="http://one:3128", https="http://one:3128", exempt=("a",)), "NO_PROXY is left out"),
    ],
)
def test_what_the_file_cannot_say_is_told(proxies: Proxies, warned: str) -> None:
    plan = plans.plan(2)
    text, warnings = spec_of(replace(plan, request=replace(plan.request, proxy=proxies)), None, ())
    assert [warned in it for it in warnings] == [True]
    assert "secret" not in text


def test_the_schema_takes_what_is_right_and_refuses_what_is_not() -> None:
    schema = Draft202012Validator(json_schema())
    Draft202012Validator.check_schema(json_schema())
    page = Path(__file__).parents[3] / "docs/how-to/chain-file.md"
    for example in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL):
        schema.validate(tomllib.loads(example))
    wrong = {"nam": "x", "depth": "x", "pid": "none", "levels": [{"depth": 0}], "expose-host": [70000]}
    assert len(list(schema.iter_errors(wrong))) == len(wrong)


def test_the_schema_has_every_option_of_a_chain() -> None:
    chain = json_schema()["$defs"]["Chain"]
    assert set(option_keys()) <= set(chain["properties"])
    assert chain["additionalProperties"] is False
    assert chain["properties"]["storage"]["description"] == "Where each level keeps its data-root."
    assert chain["required"] == []


@pytest.mark.parametrize("labels", [("host", "a", "", "b", "x", "y", "c"), ("top", "a", "", "b", "a", "c", "c")])
def test_the_file_of_a_tree_makes_its_places_again(labels: tuple[str, ...], tmp_path: Path) -> None:
    places = tuple(replace(it, label=label) for it, label in zip(PLACES, labels, strict=True))
    file = tmp_path / "chain.toml"
    file.write_text(spec_of(tree(places=places), None, ())[0])
    spec = read_spec(str(file))
    assert spec.places_of(7) == places
    assert spec.applied({"depth": None}, ()) == {"depth": 7}
