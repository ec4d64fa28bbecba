"""Names in the certificates of published engines, read back from the files."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from inception.chain.publishing import host_names
from inception.chain.publishing.certificates import SERVER, make_certificates
from inception.chain.publishing.host_names import client_address, names_of, parse_fib_trie, parse_if_inet6
from inception.chain.publishing.proxy import listen
from inception.chain.publishing.publish import Publication, parse_publications
from inception.errors import UsageError
from inception.plan.tree import Shape, line

FIB_TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.0
           /24 link UNICAST
        |-- 192.0.2.7
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
Local:
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
        |-- 192.0.2.7
           /32 host LOCAL
"""
IF_INET6 = """fe8000000000000000fc00fffe000001 04 40 20 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
"""


def names_in(certificate: Path) -> tuple[set[str], set[str]]:
    """The DNS names and the IP addresses that a certificate lists."""
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names.get_values_for_type(x509.DNSName)), {str(it) for it in names.get_values_for_type(x509.IPAddress)}


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])  # noqa: S104 only names
def test_certificate_for_a_wildcard_lists_every_name_and_address(address: str, tmp_path: Path) -> None:
    make_certificates(tmp_path / "tls", (*names_of(address), "vm.example.org", "203.0.113.9"))
    names, addresses = names_in(tmp_path / "tls" / SERVER[0])
    assert {"localhost", socket.gethostname(), "vm.example.org"} <= names
    assert {"127.0.0.1", client_address("0.0.0.0"), "203.0.113.9"} <= addresses  # noqa: S104 only names
    assert address not in addresses
    assert ("::1" in addresses) == (address == "::" and Path("/proc/net/if_inet6").read_text() != "")


def test_certificate_for_one_address_lists_that_and_localhost(tmp_path: Path) -> None:
    make_certificates(tmp_path / "tls", names_of("192.0.2.7"))
    assert names_in(tmp_path / "tls" / SERVER[0]) == ({"localhost"}, {"192.0.2.7"})


def context(directory: Path, protocol: int, files: tuple[str, str]) -> ssl.SSLContext:
    """A side of TLS that checks the other one's certificate as strictly as Python does from 3.13 on."""
    made = ssl.SSLContext(protocol)
    made.load_verify_locations(directory / "ca.pem")
    made.load_cert_chain(directory / files[0], directory / files[1])
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    return made


def test_certificates_are_good_enough_for_strict_clients_and_servers(tmp_path: Path) -> None:
    make_certificates(tmp_path / "tls", ["vm.example.org"])
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context(tmp_path / "tls", ssl.PROTOCOL_TLS_CLIENT, ("cert.pem", "key.pem")).wrap_bio(
        to_client, to_server, server_hostname="vm.example.org"
    )
    server = context(tmp_path / "tls", ssl.PROTOCOL_TLS_SERVER, SERVER).wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    server.do_handshake()
    assert client.getpeercert()
    assert server.getpeercert()


def test_addresses_of_all_interfaces_are_read() -> None:
    assert parse_fib_trie(FIB_TRIE) == ("192.0.2.7", "127.0.0.1")
    assert parse_if_inet6(IF_INET6) == ("fe80::fc:ff:fe00:1", "::1")


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])  # noqa: S104 only names
def test_clients_of_a_wildcard_are_given_an_address_of_this_host(address: str) -> None:
    (publication,) = parse_publications(("2376",), address=address, plain=False, tls_names=(), shape=line(1))
    given = client_address(address)
    assert given in names_of("::")
    assert not ip_address(given).is_unspecified
    assert publication.host in {f"tcp://{given}:2376", f"tcp://[{given}]:2376"}


def test_clients_of_one_address_are_given_that() -> None:
    (publication,) = parse_publications(("2376",), address="::1", plain=False, tls_names=(), shape=line(1))
    assert publication.host == "tcp://[::1]:2376"


def test_wildcard_of_ipv6_listens_on_ipv4_too() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this kernel has no IPv6")
    with listen("::", 0) as server, socket.create_connection(("127.0.0.1", server.getsockname()[1]), 5):
        pass


def publications(*tls_names: str, plain: bool = False) -> tuple[Publication, ...]:
    return parse_publications(("2376",), address="127.0.0.1", plain=plain, tls_names=tls_names, shape=line(2))


def test_each_publication_carries_the_names_for_its_certificate() -> None:
    (publication,) = publications("vm.example.org", "*.example.org", "fd00::2")
    assert publication.tls_names == ("vm.example.org", "*.example.org", "fd00::2")


@pytest.mark.parametrize("name", ["", "two words", "-x", "vm.", "a..b", "tcp://vm", "vm:2376", "ä.example.org"])
def test_impossible_name_for_a_certificate_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is neither a name nor an address"):
        publications(name)


def test_name_for_a_certificate_without_tls_is_refused() -> None:
    with pytest.raises(UsageError, match="--tls-san vm names a certificate"):
        publications("vm", plain=True)


def test_clients_without_a_default_route_are_given_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_names, "_usual_source", lambda _family: None)
    monkeypatch.setattr(host_names, "_ipv4_addresses", lambda: ("127.0.0.1", "192.0.2.7"))
    assert client_address("::") == "192.0.2.7"
    monkeypatch.setattr(host_names, "_ipv4_addresses", lambda: ("127.0.0.1",))
    assert client_address("::") == "127.0.0.1"


def test_a_tree_has_no_bottom_to_publish() -> None:
    with pytest.raises(UsageError, match="cannot publish the bottom of a tree at 2376: name one of its levels"):
        parse_publications(("2376",), address="127.0.0.1", plain=False, tls_names=(), shape=Shape([0, 1, 1]))
