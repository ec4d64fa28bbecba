"""Real registries and a real proxy at level 0, used from a chain of depth 4 whose settings lead there."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from inception.chain.publishing.certificates import make_certificates
from inception.chain.publishing.host_names import client_address
from inception.engine.connect import Engine
from inception.places import run_root
from inception.plan.chain import ChainPlan
from tests.integration.conftest import RunInception, lasting_difference, steady_inventory
from tests.integration.container_output import LINGER, archive_of
from tests.integration.outward import Proxy, Registry
from tests.integration.test_reach import free_port, output_of, run

LACKING = "no docker-registry; `.ci/run`, as root, installs it with `apt-get install docker-registry`"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("docker-registry") is None, reason=LACKING),
]

DEPTH = 4
CREDENTIALS = "me:very-secret"
NAMED = "registry.test"
"""Name of the registry with TLS that the proxy alone knows."""
PROXIED = ("build.test", "container.test", "level.test")
"""Names that the proxy alone knows as well, one for each who asks it."""
DOCKER_IO = "registry-1.docker.io"
PUSH = f"""
for image; do
    {archive_of("tini-static")} | docker import - "$image" >/dev/null
    docker push -q "$image" && docker rmi "$image" >/dev/null
done
"""
PULL = f"""
for image; do docker pull -q "$image"; done
docker run --rm "$1" sh -c '/usr/bin/tini-static --version; {LINGER}' | cut -d ' ' -f 1
docker rmi "$@" >/dev/null
"""
ASK = "import sys, urllib.request as it; print(it.urlopen(sys.argv[1]).status)"
ASK_ALL = f"""
python3 -c '{ASK}' http://level.test/v2/
docker run --rm "$INCEPTION_IMAGE" python3 -c '{ASK}' http://container.test/v2/
mkdir -p ~/asking && cd ~/asking && cat >Dockerfile <<END
FROM $INCEPTION_IMAGE
RUN python3 -c '{ASK}' http://build.test/v2/ >/status
END
docker build -q --no-cache -t asking . >/dev/null
docker run --rm asking sh -c 'cat /status; {LINGER}' && docker rmi asking >/dev/null
"""


@dataclass(frozen=True)
class Outward:
    """Services at level 0: a registry with and one without TLS, and a proxy, all at `address`."""

    address: str
    plain: Registry
    secure: Registry
    proxy: Proxy
    proxy_url: str
    authority: Path

    def names(self) -> dict[str, tuple[str, Registry]]:
        """Return the registries by the way to them: their name in an image's name, and which of the two it is."""
        return {
            "plain": (f"{self.address}:{self.plain.port}", self.plain),
            "authority": (f"{self.address}:{self.secure.port}", self.secure),
            "proxy": (NAMED, self.secure),
        }


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outward]:
    """Run registries and a proxy on this host."""
    directory = tmp_path_factory.mktemp("outward")
    address = client_address("0.0.0.0")  # noqa: S104 a question, not a listener
    make_certificates(directory / "tls", (address, NAMED))
    plain = Registry(free_port(), directory / "plain")
    secure = Registry(free_port(), directory / "secure", directory / "tls")
    proxy = Proxy({f"{NAMED}": secure.port, **dict.fromkeys(PROXIED, plain.port)}, CREDENTIALS)
    with ExitStack() as stack:
        stack.enter_context(plain.running())
        stack.enter_context(secure.running())
        url = f"http://{CREDENTIALS}@{address}:{stack.enter_context(proxy.running())}"
        yield Outward(address, plain, secure, proxy, url, directory / "tls" / "ca.pem")


@pytest.fixture(scope="module")
def chain(engine: Engine, level_image: str, host: Outward, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start a chain whose levels have the registries, the authority and, from the environment, the proxy."""
    del level_image
    before = steady_inventory(engine)
    plain, _ = host.names()["plain"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INCEPTION_RUN_ROOT", str(tmp_path_factory.mktemp("r")))
        with pytest.MonkeyPatch.context() as outward:
            for name in ("HTTP_PROXY", "HTTPS_PROXY"):
                outward.setenv(name, host.proxy_url)
            outward.setenv("NO_PROXY", host.address)
            output_of(
                *("up", "--depth", str(DEPTH), "--name", "outward", "--ca", str(host.authority)),
                *("--insecure-registry", plain, "--registry-mirror", f"http://{plain}"),
            )
        try:
            yield
        finally:
            output_of("down", "outward")
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


def at(level: int, script: str, *arguments: str) -> list[str]:
    done = output_of("exec", "outward", "--level", str(level), "--", "sh", "-euc", script, "sh", *arguments)
    return done.decode().splitlines()


@pytest.mark.usefixtures("chain")
def test_bottom_pushes_to_registries_and_levels_pull_from_them(host: Outward) -> None:
    names = host.names()
    images = [f"{name}/by-{way}:1" for way, (name, _) in names.items()]
    host.proxy.asked.clear()
    at(DEPTH, PUSH, *images)
    assert all(registry.holds(f"by-{way}") for way, (_, registry) in names.items())
    for level in (1, DEPTH):
        assert at(level, PULL, *images) == [*images, "tini"]
    assert set(host.proxy.asked) == {NAMED}


def test_registry_of_an_unknown_authority_is_refused_at_level_0(engine: Engine, host: Outward) -> None:
    name, _ = host.names()["authority"]
    pull = ["docker", "-H", engine.endpoint, "pull", f"{name}/by-authority:1"]
    assert b"certificate signed by unknown authority" in subprocess.run(pull, capture_output=True, check=False).stderr


@pytest.mark.usefixtures("chain")
def test_names_of_docker_io_are_pulled_from_the_mirror(host: Outward) -> None:
    name, _ = host.names()["plain"]
    host.proxy.asked.clear()
    at(DEPTH, PUSH, f"{name}/library/mirrored:1")
    for level in (1, DEPTH):
        assert at(level, PULL, "mirrored:1") == ["docker.io/library/mirrored:1", "tini"]
    assert DOCKER_IO not in host.proxy.asked
    assert run("exec", "outward", "--", "docker", "pull", "-q", "unmirrored:1").returncode == 1
    assert DOCKER_IO in host.proxy.asked


@pytest.mark.usefixtures("chain")
def test_programs_builds_and_containers_ask_the_proxy(host: Outward) -> None:
    for level in (1, DEPTH):
        host.proxy.asked.clear()
        assert at(level, ASK_ALL) == ["200", "200", "200"]
        assert sorted(host.proxy.asked) == sorted(PROXIED)


@pytest.mark.usefixtures("chain")
def test_engines_reach_other_levels_without_the_proxy(host: Outward) -> None:
    host.proxy.asked.clear()
    plan = ChainPlan.from_json((run_root() / "outward/plan.json").read_text())
    gateway = plan.level(2).subnet.bridge.partition("/")[0]
    pull = run("exec", "outward", "--", "docker", "pull", f"{gateway}:9/image:1")
    assert "connection refused" in pull.stderr.decode()
    assert host.proxy.asked == []


@pytest.mark.usefixtures("chain")
def test_proxy_of_the_command_line_is_used(run_inception: RunInception, host: Outward) -> None:
    host.proxy.asked.clear()
    ask = ("python3", "-c", ASK, "http://level.test/v2/")
    done = run_inception("--quiet", "--depth", "1", "--proxy", host.proxy_url, "--", *ask)
    assert (done.stdout, host.proxy.asked) == (b"200\n", ["level.test"]), done.stderr.decode()


@pytest.mark.usefixtures("chain")
def test_level_0s_registries_are_taken_over(host: Outward) -> None:
    name, _ = host.names()["plain"]
    level_0 = ("--engine", f"unix://{run_root()}/outward/{DEPTH}/docker.sock")
    for more, mirrors in (((), [f"http://{name}/"]), (("--inherit", "none"), [])):
        plan = json.loads(output_of("plan", "--depth", "1", "--json", *level_0, *more))
        assert plan["outward"]["registry_mirrors"] == mirrors
        assert ("does not tell the password of its proxy" in "".join(plan["remarks"])) is (more == ())


@pytest.mark.usefixtures("chain")
def test_password_of_the_proxy_is_printed_nowhere(host: Outward) -> None:
    plan = ("plan", "--depth", "1", "--proxy", host.proxy_url)
    for command in (plan, (*plan, "--json", "--verbose"), ("ls", "--json"), ("logs", "outward")):
        done = run(*command)
        assert done.returncode == 0
        assert b"very-secret" not in done.stdout + done.stderr
    assert (run_root() / "outward/plan.json").stat().st_mode & 0o077 == 0
