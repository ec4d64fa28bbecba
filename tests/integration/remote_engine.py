"""Start an engine that looks like one on another machine: in a container, reached over TCP with TLS."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Interface
from pathlib import Path

import docker
from docker.tls import TLSConfig
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from inception.engine.client import open_client
from inception.engine.connect import Engine
from inception.errors import InceptionError
from inception.payload import payload_archive
from inception.plan.privileges import Privileges

PORT = 2376
CERTIFICATES = Path("/certificates")
PAYLOAD = Path("/opt/inception")
BOOT_S = 60

MACHINE = Path(__file__).with_name("remote_machine.py").read_text()


@dataclass(frozen=True, kw_only=True)
class RemoteEngine:
    """A running engine; `environment` has what a client of it needs beside DOCKER_HOST, which is `address`."""

    address: str
    environment: Mapping[str, str]
    client: docker.APIClient


@contextmanager
def remote_engine(engine: Engine, image: str, privileges: Privileges) -> Iterator[RemoteEngine]:
    """Start one in a container of `engine`, with `image` loaded; nothing of it is left in the end."""
    with tempfile.TemporaryDirectory(prefix="certificates-") as directory:
        certificates = Path(directory)
        published_at = _published_at(engine)
        _make_certificates(certificates, published_at)
        with _machine(engine.client, image, privileges, certificates, published_at) as container:
            ports = engine.client.inspect_container(container)["NetworkSettings"]["Ports"]
            address = f"tcp://{published_at}:{ports[f'{PORT}/tcp'][0]['HostPort']}"
            with closing(_client(address, certificates)) as client:
                for message in client.load_image(engine.client.get_image(image)):
                    assert "error" not in message, message
                _warm_up(client, image)
                environment = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": directory}
                yield RemoteEngine(address=address, environment=environment, client=client)


def address_for_containers(engine: Engine) -> str:
    """Return an address of this machine that containers of `engine` reach."""
    if engine.private:
        return str(_own_address().ip)
    return str(engine.client.inspect_network("bridge")["IPAM"]["Config"][0]["Gateway"])


def _published_at(engine: Engine) -> str:
    """Return the address at which we reach a port that `engine` publishes: a private one has its own loopback."""
    if not engine.private:
        return "127.0.0.1"
    ours = _own_address()
    (theirs,) = (address for address in ours.network.hosts() if address != ours.ip)
    return str(theirs)


def _own_address() -> IPv4Interface:
    """Return the address of this machine on its link to the private engine."""
    listed = subprocess.run(["ip", "-j", "-4", "address"], check=True, capture_output=True).stdout
    (link,) = (it for it in json.loads(listed) if it["ifname"].startswith("incep"))
    return IPv4Interface(f"{link['addr_info'][0]['local']}/{link['addr_info'][0]['prefixlen']}")


def _warm_up(client: docker.APIClient, image: str) -> None:
    """Run one container: what an engine makes for its first one stays, a control group for instance."""
    container = client.create_container(image, ["true"])["Id"]
    client.start(container)
    client.wait(container)
    client.remove_container(container, v=True)


def _client(address: str, certificates: Path) -> docker.APIClient:
    """Wait until the engine has booted, and return a client of it."""
    tls = TLSConfig(
        client_cert=(str(certificates / "cert.pem"), str(certificates / "key.pem")),
        ca_cert=str(certificates / "ca.pem"),
        verify=True,
    )
    attempts = Retrying(
        retry=retry_if_exception_type(InceptionError), stop=stop_after_delay(BOOT_S), wait=wait_fixed(0.1), reraise=True
    )
    return attempts(open_client, address, tls=tls)


@contextmanager
def _machine(
    client: docker.APIClient, image: str, privileges: Privileges, certificates: Path, published_at: str
) -> Iterator[str]:
    config = client.create_host_config(
        privileged=privileges.privileged,
        cap_add=list(privileges.capabilities) or None,
        security_opt=["seccomp=unconfined", "apparmor=unconfined", "label=disable"],
        device_cgroup_rules=["a *:* rwm"],
        tmpfs={"/run": "mode=755"},
        port_bindings={PORT: (published_at, None)},
        binds={str(certificates): {"bind": str(CERTIFICATES), "mode": "ro"}},
    )
    config["CgroupnsMode"] = "private"
    config["MaskedPaths"] = config["ReadonlyPaths"] = []
    created = client.create_container(
        image,
        entrypoint=["tini", "-s", "--", "python3", "-c", MACHINE, str(PORT), str(CERTIFICATES)],
        environment={"PYTHONPATH": str(PAYLOAD)},
        ports=[PORT],
        volumes=["/var/lib/docker"],
        host_config=config,
    )["Id"]
    try:
        client.put_archive(created, "/", payload_archive(str(PAYLOAD).removeprefix("/")))
        client.start(created)
        yield created
    finally:
        client.remove_container(created, force=True, v=True)


def _make_certificates(directory: Path, address: str) -> None:
    """Make an authority, a server's certificate for `address` and a client's, named as the Docker CLI expects."""
    _openssl(
        directory,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority"
        " -addext keyUsage=critical,keyCertSign -keyout ca-key.pem -out ca.pem",
    )
    _sign(directory, "server", "server.pem", "server-key.pem", f"subjectAltName=IP:{address}")
    _sign(directory, "client", "cert.pem", "key.pem", "extendedKeyUsage=clientAuth")


def _sign(directory: Path, name: str, certificate: str, key: str, extensions: str) -> None:
    (directory / "extensions").write_text(extensions)
    _openssl(
        directory,
        f"req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {key} -out request.pem",
    )
    _openssl(
        directory,
        "x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2"
        f" -extfile extensions -out {certificate}",
    )


def _openssl(directory: Path, arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=directory, check=True, capture_output=True)
