from __future__ import annotations

import json
from pathlib import Path

import pytest

from inception.level.failure import PhaseError
from inception.level.outward import open_ways_outward
from inception.plan.engine.proxies import Proxies
from tests.factories.plans import plan

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def test_proxies_are_added_to_the_clients_configuration(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"auths": {}, "proxies": {"tcp://x": {}}}')
    open_ways_outward(plan(1, proxy=Proxies(http="http://192.0.2.9:1")), config, tmp_path / "bundle")
    written = json.loads(config.read_text())
    assert written["auths"] == {}
    assert set(written["proxies"]) == {"tcp://x", "default"}
    assert written["proxies"]["default"]["httpProxy"] == "http://192.0.2.9:1"
    assert not (tmp_path / "bundle").exists()


def test_authorities_are_added_to_those_of_the_image(tmp_path: Path) -> None:
    bundle = tmp_path / "certs" / "bundle"
    bundle.parent.mkdir()
    bundle.write_text("OLD\n")
    open_ways_outward(plan(1, ca=(CERTIFICATE,)), tmp_path / "config.json", bundle)
    assert bundle.read_text() == f"OLD\n\n{CERTIFICATE}"
    assert not (tmp_path / "config.json").exists()


def test_a_client_configuration_that_is_no_json_is_reported(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(PhaseError, match="no JSON object"):
        open_ways_outward(plan(1, proxy=Proxies(http="http://a:1")), tmp_path / "config.json", tmp_path / "bundle")
