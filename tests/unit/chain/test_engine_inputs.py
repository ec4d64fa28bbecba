from __future__ import annotations

from pathlib import Path

import pytest

from inception.chain.inputs.engines import (
    read_authorities,
    read_daemon_json,
    read_dockerd,
    read_level_engines,
    read_proxy,
)
from inception.chain.publishing.certificates import make_certificates
from inception.errors import UsageError
from inception.plan.engine.proxies import Proxies
from inception.plan.request import ImageStore, Inherit
from tests.factories.plans import request


@pytest.fixture
def https_proxy(monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://192.0.2.9:3128")
    monkeypatch.setenv("no_proxy", "intern.example")
    return "http://192.0.2.9:3128"


def test_the_environments_proxies_hold_unless_one_is_named_or_none_is_inherited(https_proxy: str) -> None:
    assert read_proxy(None, Inherit.ALL) == Proxies(https=https_proxy, exempt=("intern.example",))
    assert read_proxy(None, Inherit.NONE) is None
    named = "http://192.0.2.7:1"
    assert read_proxy(named, Inherit.ALL) == Proxies(http=named, https=named, exempt=("intern.example",))


def test_a_file_is_read_for_the_levels_that_are_named(tmp_path: Path) -> None:
    file = tmp_path / "d.json"
    file.write_text('{"debug": true}')
    (given,) = read_daemon_json([f"2-:{file}"])
    assert (str(given.levels), given.file.source, given.file.text) == ("2-", str(file), '{"debug": true}')


def test_a_valid_certificate_is_read(tmp_path: Path) -> None:
    make_certificates(tmp_path / "tls", "127.0.0.1")
    (authority,) = read_authorities([str(tmp_path / "tls" / "ca.pem")])
    assert authority == (tmp_path / "tls" / "ca.pem").read_text()


def test_wrong_inputs_are_usage_errors_that_name_them(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nonesuch\.pem cannot be read: No such file or directory"):
        read_authorities([str(tmp_path / "nonesuch.pem")])
    (tmp_path / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(UsageError, match=r"bad\.pem holds no valid certificate"):
        read_authorities([str(tmp_path / "bad.pem")])
    with pytest.raises(UsageError, match="are no levels"):
        read_daemon_json(["3-2:d.json"])
    with pytest.raises(UsageError, match="'debug' is not an option of dockerd"):
        read_dockerd(["debug"])
    with pytest.raises(UsageError, match="'2=' names no image: write it like 2=NAME"):
        read_level_engines(["2="], [], [])
    with pytest.raises(UsageError, match="'2=vfs' names no image store: they are auto, overlay2, containerd"):
        read_level_engines([], ["2=vfs"], [])
    with pytest.raises(UsageError, match=r"'\./crun' names no runtime"):
        read_level_engines([], [], ["./crun"])


def test_the_last_option_that_names_a_level_counts() -> None:
    engines = read_level_engines(["2-=a", "3=b"], ["containerd", "2=overlay2"], ["crun", "4=runc"])
    asked = request(4, **engines)
    assert [asked.image_of(number) for number in range(1, 5)] == [asked.image, "a", "b", "a"]
    assert asked.images == (asked.image, "a", "b")
    stores = [asked.image_store_of(number) for number in range(1, 4)]
    assert stores == [ImageStore.CONTAINERD, ImageStore.OVERLAY2, ImageStore.CONTAINERD]
    assert [asked.runtime_of(number) for number in (3, 4)] == ["crun", "runc"]
    assert request(4).runtime_of(1) is None
