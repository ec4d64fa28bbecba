from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from inception.engine.endpoint import DEFAULT_ADDRESS, find_endpoint
from inception.errors import UsageError

TCP = "tcp://127.0.0.1:2376"


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    directory = tmp_path / "docker"
    directory.mkdir()
    return directory


@pytest.fixture
def environment(configuration: Path) -> dict[str, str]:
    return {"DOCKER_CONFIG": str(configuration)}


def make_context(configuration: Path, name: str, host: str, *, skip_verify: bool = False) -> Path:
    """Writes what `docker context create` does; returns the directory for its certificates."""
    identifier = hashlib.sha256(name.encode()).hexdigest()
    meta = configuration / "contexts" / "meta" / identifier
    meta.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": skip_verify}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}))
    return configuration / "contexts" / "tls" / identifier / "docker"


def make_certificates(directory: Path, *names: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name in names or ("ca.pem", "cert.pem", "key.pem"):
        (directory / name).touch()


def test_without_settings_the_endpoint_is_the_default_socket(environment: dict[str, str]) -> None:
    endpoint = find_endpoint(None, environment)
    assert (endpoint.address, endpoint.named, endpoint.tls) == (DEFAULT_ADDRESS, False, None)


def test_each_source_comes_before_the_next(environment: dict[str, str], configuration: Path) -> None:
    for name in ("current", "asked"):
        make_context(configuration, name, f"unix:///{name}")
    (configuration / "config.json").write_text(json.dumps({"currentContext": "current"}))
    assert find_endpoint(None, environment).address == "unix:///current"
    environment["DOCKER_CONTEXT"] = "asked"
    assert find_endpoint(None, environment).address == "unix:///asked"
    environment["DOCKER_HOST"] = "unix:///host"
    assert find_endpoint(None, environment).address == "unix:///host"
    assert find_endpoint("unix:///argument", environment).address == "unix:///argument"


@pytest.mark.parametrize("source", ["argument", "DOCKER_HOST", "DOCKER_CONTEXT", "config.json"])
def test_an_endpoint_of_the_user_is_named(environment: dict[str, str], configuration: Path, source: str) -> None:
    make_context(configuration, "mine", "unix:///x")
    if source == "config.json":
        (configuration / source).write_text(json.dumps({"currentContext": "mine"}))
    elif source != "argument":
        environment[source] = {"DOCKER_HOST": "unix:///x", "DOCKER_CONTEXT": "mine"}[source]
    endpoint = find_endpoint("unix:///x" if source == "argument" else None, environment)
    assert (endpoint.address, endpoint.named) == ("unix:///x", True)


def test_the_default_context_is_the_default_socket(environment: dict[str, str], configuration: Path) -> None:
    (configuration / "config.json").write_text(json.dumps({"currentContext": "mine"}))
    environment["DOCKER_CONTEXT"] = "default"
    assert not find_endpoint(None, environment).named


def test_a_context_is_found_where_there_is_no_config_json(environment: dict[str, str], configuration: Path) -> None:
    make_context(configuration, "mine", "unix:///mine")
    environment["DOCKER_CONTEXT"] = "mine"
    assert find_endpoint(None, environment).address == "unix:///mine"


@pytest.mark.parametrize("source", ["DOCKER_CONTEXT", "config.json"])
def test_an_unknown_context_is_refused(environment: dict[str, str], configuration: Path, source: str) -> None:
    if source == "DOCKER_CONTEXT":
        environment[source] = "nope"
    else:
        (configuration / source).write_text(json.dumps({"currentContext": "nope"}))
    with pytest.raises(UsageError, match=rf"context 'nope' \(from .*{source}\) does not exist"):
        find_endpoint(None, environment)


@pytest.mark.parametrize("content", ["{", "[]", '"text"'])
def test_a_broken_configuration_is_refused(environment: dict[str, str], configuration: Path, content: str) -> None:
    (configuration / "config.json").write_text(content)
    with pytest.raises(UsageError, match=r"config\.json"):
        find_endpoint(None, environment)


@pytest.mark.parametrize(
    "text",
    [
        *("four", "tcp://", "tcp://host", "tcp://host:port", "http+unix://", "npipe:////./pipe/docker", "fd://"),
        *("a:b:c", "ssh://", "ssh://me@", "ssh://host/path", "ssh://me:secret@host"),
    ],
)
def test_a_wrong_address_is_refused(environment: dict[str, str], text: str) -> None:
    with pytest.raises(UsageError, match="is not the address of an engine") as caught:
        find_endpoint(text, environment)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("address", ["unix:///run/docker.sock", TCP, "ssh://me@host", "ssh://host:2222"])
def test_addresses_of_each_kind_are_taken(environment: dict[str, str], address: str) -> None:
    assert find_endpoint(address, environment).address == address


def test_tls_comes_from_the_environment(environment: dict[str, str], tmp_path: Path) -> None:
    make_certificates(tmp_path / "certificates")
    environment |= {
        "DOCKER_HOST": TCP,
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(tmp_path / "certificates"),
    }
    tls = find_endpoint(None, environment).tls
    assert tls is not None
    assert tls.verify
    assert tls.ca_cert == str(tmp_path / "certificates" / "ca.pem")


def test_tcp_without_tls_settings_has_no_tls(environment: dict[str, str]) -> None:
    assert find_endpoint(TCP, environment).tls is None


def test_missing_certificates_are_refused(environment: dict[str, str], tmp_path: Path) -> None:
    environment |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path / "nowhere")}
    with pytest.raises(UsageError, match="DOCKER_CERT_PATH"):
        find_endpoint(TCP, environment)


def test_a_socket_asks_for_no_certificates(environment: dict[str, str], tmp_path: Path) -> None:
    environment |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path / "nowhere")}
    assert find_endpoint("unix:///x", environment).tls is None


def test_tls_comes_from_a_context(environment: dict[str, str], configuration: Path) -> None:
    certificates = make_context(configuration, "mine", TCP)
    environment["DOCKER_CONTEXT"] = "mine"
    assert find_endpoint(None, environment).tls is None
    make_certificates(certificates)
    tls = find_endpoint(None, environment).tls
    assert tls is not None
    assert tls.verify
    assert tls.cert == (str(certificates / "cert.pem"), str(certificates / "key.pem"))


def test_a_context_that_only_knows_an_authority_still_has_tls(environment: dict[str, str], configuration: Path) -> None:
    make_certificates(make_context(configuration, "mine", TCP), "ca.pem")
    environment["DOCKER_CONTEXT"] = "mine"
    tls = find_endpoint(None, environment).tls
    assert tls is not None
    assert tls.verify
    assert tls.cert is None


def test_a_context_that_skips_verification_still_has_tls(environment: dict[str, str], configuration: Path) -> None:
    make_context(configuration, "mine", TCP, skip_verify=True)
    environment["DOCKER_CONTEXT"] = "mine"
    tls = find_endpoint(None, environment).tls
    assert tls is not None
    assert not tls.verify
