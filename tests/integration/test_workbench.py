"""Build, compose, import, share mounts and prune in levels, as people do who nest Docker."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.conftest import RunInception

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("unchanged_host", "own_run_root")]

_DOCKERFILE = """
ARG IMAGE
FROM $IMAGE AS cached
ARG RUN
RUN --mount=type=cache,target=/cache echo $RUN >>/cache/log && wc -l </cache/log >/count
FROM $IMAGE AS secretive
RUN --mount=type=secret,id=key sha256sum </run/secrets/key >/sum
FROM scratch
COPY --from=cached /count /
COPY --from=secretive /sum /
"""
_BUILD = f"""
mkdir -p ~/build && cd ~/build && echo very-secret >key && cat >Dockerfile <<'END'
{_DOCKERFILE}
END
for run in first second; do
    docker buildx build -q --secret id=key,src=key --build-arg IMAGE="$1" --build-arg RUN=$run --output out .
done
cat out/count; sha256sum <key | cmp - out/sum && echo secret
"""
_COMPOSE = """
mkdir -p ~/compose && cd ~/compose && cat >compose.yaml <<'END'
services:
  web:
    image: $IMAGE
    init: true
    command: python3 -m http.server 80 --directory /etc
  asker:
    image: $IMAGE
    depends_on: [web]
    command:
      - bash
      - -c
      - for try in {1..100}; do exec 3<>/dev/tcp/web/80 && break; sleep 0.1; done;
        printf 'GET /hostname HTTP/1.0\\r\\n\\r\\n' >&3; head -n 1 <&3
END
IMAGE="$1" docker compose up --abort-on-container-exit --exit-code-from asker >log 2>&1 || cat log
grep -o '200 OK' log; IMAGE="$1" docker compose down >log 2>&1
"""
_ARCHIVES = """
mkdir -p ~/archives/root && cd ~/archives && echo content >root/file
tar -C root -cJf root.tar.xz . && docker import root.tar.xz archived:1 >/dev/null
docker save archived:1 | xz >image.tar.xz && docker rmi archived:1 >/dev/null && docker load -i image.tar.xz
"""
_GIT = """
mkdir -p ~/git/repository && cd ~/git/repository && git init -q -b main
printf 'FROM scratch\\nCOPY Dockerfile /from-git\\n' >Dockerfile && git add Dockerfile
git -c user.name=test -c user.email=test@example.org commit -q -m test
git daemon --base-path="$HOME/git" --export-all --listen=127.0.0.1 --reuseaddr >/dev/null 2>&1 &
trap "kill $!" EXIT
for try in $(seq 50); do git ls-remote git://127.0.0.1/repository >/dev/null 2>&1 && break; sleep 0.1; done
docker build -q --output ~/git/out git://127.0.0.1/repository#main && cat ~/git/out/from-git
"""
_SHARE = """
mkdir -p /mnt/s /mnt/late
docker run --rm -v /:/host:ro,rslave "$1" sh -c 'test -d /host/mnt/s && ! touch /host/mnt/s/x 2>/dev/null'
docker run -d --name watcher --init -v /:/host:ro,rslave "$1" sleep 600 >/dev/null
mount -t tmpfs late-$2 /mnt/late
docker exec watcher grep -o late-$2 /proc/self/mountinfo
docker rm -f watcher >/dev/null && umount /mnt/late
docker run --rm --privileged -v /mnt/s:/mnt/s:rshared "$1" \\
    sh -c "mkdir /mnt/s/d && mount -t tmpfs shared-$2 /mnt/s/d && echo shared >/mnt/s/d/file"
cat /mnt/s/d/file
"""
_MARKERS = ("grep", "-oE", "(shared|late)-[0-9]+", "/proc/self/mountinfo")


@pytest.fixture
def image(level_image: str) -> str:
    """Tag of the level image, which the tests' Dockerfiles and services start from."""
    return level_image


def test_levels_are_fit_to_build_compose_share_and_prune(image: str, run_inception: RunInception) -> None:
    _check(run_inception("up", "--depth", "3", "--name", "bench"))

    def at(level: int, script: str) -> str:
        arguments = ("exec", "bench", "--level", str(level), "--", "bash", "-euc", script, "bash", image, str(level))
        return _check(run_inception(*arguments))

    def check(level: int) -> None:
        assert at(level, _BUILD).splitlines()[-2:] == ["2", "secret"]
        assert at(level, _COMPOSE).splitlines() == ["200 OK"]
        assert "Loaded image: archived:1" in at(level, _ARCHIVES)
        assert "COPY Dockerfile /from-git" in at(level, _GIT)
        assert at(level, _SHARE) == f"late-{level}\nshared\n"

    # Both at once: they wait more than they work.
    with ThreadPoolExecutor() as threads:
        list(threads.map(check, (1, 3)))
    _check_markers(run_inception)
    _check_removed_images(image, run_inception)
    _check(run_inception("down", "bench"))


def _check_markers(run_inception: RunInception) -> None:
    """Check that a mount made in a container shows in its level alone."""
    for level, markers in ((1, b"shared-1\n"), (2, b""), (3, b"shared-3\n")):
        assert run_inception("exec", "bench", "--level", str(level), "--", *_MARKERS).stdout == markers
    assert subprocess.run(_MARKERS, capture_output=True, check=False).stdout == b""


def _check_removed_images(image: str, run_inception: RunInception) -> None:
    """Check that a level whose users removed the image is given it again when it gets a child level."""
    removals = {3: ("docker", "system", "prune", "--all", "--force"), 4: ("docker", "rmi", "--force", image)}
    for bottom, removal in removals.items():
        _check(run_inception("exec", "bench", "--", *removal))
        grown = run_inception("grow", "bench")
        assert grown.returncode == 0, grown.stderr.decode()
        line = f"{image} was removed from the engine of level {bottom}: loading it again"
        assert grown.stderr.decode().count(line) == 1
        assert _check(run_inception("exec", "bench", "--", "hostname")) == f"bench-{bottom + 1}\n"


def _check(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return done.stdout.decode()
