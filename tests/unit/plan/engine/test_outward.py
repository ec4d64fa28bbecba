from __future__ import annotations

from dataclasses import replace

import pytest

from inception.plan.engine.proxies import (
    Proxies,
    hides_proxy,
    is_loopback,
    mask_credentials,
    proxies_in,
    proxies_of_engine,
)
from inception.plan.request import Inherit
from tests.factories.plans import ENGINE, FACTS, plan

PROXIES = Proxies(http="http://192.0.2.9:3128", https="http://192.0.2.9:3128", exempt=("intern.example",))


def test_proxies_are_read_in_upper_and_lower_case() -> None:
    environment = {"http_proxy": "http://a.example:1", "HTTPS_PROXY": "http://b.example:2", "no_proxy": "c.example, d"}
    assert proxies_in(environment) == Proxies(
        http="http://a.example:1", https="http://b.example:2", exempt=("c.example", "d")
    )
    assert proxies_in({"HTTP_PROXY": "", "NO_PROXY": "c.example"}) is None


def test_every_level_gets_the_proxies_with_its_subnets_exempt() -> None:
    made = plan(2, proxy=PROXIES)
    environment = made.environment
    assert environment["HTTPS_PROXY"] == environment["https_proxy"] == "http://192.0.2.9:3128"
    assert environment["NO_PROXY"] == "intern.example,localhost,127.0.0.0/8,::1,10.208.0.0/18"
    assert environment["no_proxy"] == environment["NO_PROXY"]
    assert made.proxies.client_settings() == {
        "httpProxy": "http://192.0.2.9:3128",
        "httpsProxy": "http://192.0.2.9:3128",
        "noProxy": environment["NO_PROXY"],
    }


def test_a_chain_without_proxies_has_no_environment_of_them() -> None:
    made = plan(2)
    assert made.environment == {}
    assert made.proxies.client_settings() == {}


def test_level_0s_proxies_and_registries_are_taken_over_unless_none_is_inherited() -> None:
    engine = replace(
        ENGINE,
        proxies=PROXIES,
        registry_mirrors=("https://mirror.example/",),
        insecure_registries=("registry.example:5000",),
    )
    facts = replace(FACTS, engine=engine)
    made = plan(2, facts, registry_mirrors=("https://own.example",)).outward
    assert made.proxies == PROXIES
    assert made.registry_mirrors == ("https://own.example", "https://mirror.example/")
    assert made.insecure_registries == ("registry.example:5000",)
    none = plan(2, facts, inherit=Inherit.NONE).outward
    assert not none.proxies.addresses
    assert none.registry_mirrors == none.insecure_registries == ()


def test_an_address_on_the_hosts_loopback_is_remarked_in_one_line_without_its_password() -> None:
    made = plan(2, proxy=Proxies(https="http://me:secret@127.0.0.1:3128"), registry_mirrors=("http://localhost:5000",))
    proxy, mirror = made.remarks
    assert proxy.startswith("proxy http://xxxxx:xxxxx@127.0.0.1:3128 is on the host's loopback, which no level reaches")
    assert mirror.startswith("registry mirror http://localhost:5000 is on the host's loopback")
    assert plan(2, proxy=PROXIES).remarks == ()


def test_loopback_is_recognised_with_and_without_a_scheme() -> None:
    assert is_loopback("127.0.0.1:3128")
    assert is_loopback("http://[::1]:3128")
    assert not is_loopback("proxy.example:3128")


def test_proxies_whose_credentials_an_engine_hides_are_not_taken_over() -> None:
    info = {"HttpProxy": "http://xxxxx:xxxxx@a.example:1", "HttpsProxy": "http://b.example:2", "NoProxy": "c"}
    assert proxies_of_engine(info) == Proxies(https="http://b.example:2", exempt=("c",))
    assert proxies_of_engine({"HttpProxy": "http://xxxxx:xxxxx@a.example:1"}) is None


def test_level_0s_proxy_with_a_password_is_remarked_unless_another_is_used_or_none_is_inherited() -> None:
    assert hides_proxy({"HttpProxy": "http://xxxxx:xxxxx@a.example:1", "HttpsProxy": ""})
    assert not hides_proxy({"HttpProxy": "http://a.example:1"})
    facts = replace(FACTS, engine=replace(ENGINE, hides_proxy=True))
    (remark,) = plan(2, facts).remarks
    assert "the level-0 engine does not tell the password of its proxy" in remark
    assert plan(2, facts, proxy=PROXIES).remarks == plan(2, facts, inherit=Inherit.NONE).remarks == ()


def test_address_without_a_scheme_is_that_of_an_http_proxy() -> None:
    assert proxies_in({"HTTPS_PROXY": "me:secret@a.example:1"}) == Proxies(https="http://me:secret@a.example:1")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("proxy http://me:secret@a.example:1", "proxy http://xxxxx:xxxxx@a.example:1"),
        ("socks5h://me:se@cret@a.example", "socks5h://xxxxx:xxxxx@a.example"),
        (
            r'{\\"https-proxy\\": \\"http://:pw@a\\"} https://b/@c',
            r'{\\"https-proxy\\": \\"http://xxxxx:xxxxx@a\\"} https://b/@c',
        ),
        ("ssh://me@far.example:22 and http://a:1/x@y", "ssh://me@far.example:22 and http://a:1/x@y"),
    ],
)
def test_credentials_of_urls_are_masked_wherever_they_stand(text: str, masked: str) -> None:
    assert mask_credentials(text) == masked


def test_authorities_are_named_to_programs_that_use_openssl() -> None:
    made = plan(1, ca=("-----BEGIN CERTIFICATE-----\n",))
    assert made.environment == {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}
