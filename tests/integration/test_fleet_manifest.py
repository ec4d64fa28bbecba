"""The manifest of a fleet on Kubernetes, played by Podman: a pod with an engine of its own, and its report."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from inception.callbacks import ignore
from inception.engine.client import open_client
from inception.engine.connect import Engine
from inception.engine.private import cgroups
from inception.image.client import CLIENT_TAG, ensure_client_image
from inception.image.store import find_image
from tests.engines.engine import ADDRESS, running_engine
from tests.engines.kinds import kind_named
from tests.integration.conftest import RunInception, lasting_difference, steady_inventory, wait_for
from tests.integration.test_podman import LACKING, PARENT_CGROUP

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(LACKING is not None, reason=str(LACKING)),
]
LIMIT_S = 300
PLAY = "/v5.0.0/libpod/play/kube"


@pytest.fixture
def podman(engine: Engine, level_image: str) -> Iterator[docker.APIClient]:
    """Give a Podman that has the client image, and no other; afterwards the host is as it was."""
    before = steady_inventory(engine)
    level_image_id = find_image(engine.client, level_image)
    assert level_image_id is not None
    ensure_client_image(engine.client, level_image_id, on_message=ignore)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="podman-", dir="/var/tmp") as state,
            running_engine(kind_named("podman-5.8"), state=Path(state, "state"), own_network=True),
            closing(open_client(ADDRESS)) as client,
        ):
            for message in client.load_image(engine.client.get_image(CLIENT_TAG)):
                assert "error" not in message, message
            yield client
    finally:
        engine.client.remove_image(CLIENT_TAG)
        for group in cgroups.own_groups(PARENT_CGROUP):
            cgroups.remove(group)
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


def _status(podman: docker.APIClient, container: str) -> str:
    return str(podman.inspect_container(container)["State"]["Status"])


def test_played_manifest_brings_a_report(podman: docker.APIClient, run_inception: RunInception, tmp_path: Path) -> None:
    written = run_inception("fleet", "manifest", "--nodes", "1", "--name", "played", "--max-depth", "3")
    assert written.returncode == 0, written.stderr.decode()
    manifest = written.stdout
    played = podman.post(f"{podman.base_url}{PLAY}", data=manifest, timeout=LIMIT_S)
    assert played.ok, played.text
    (container,) = (it for pod in played.json()["Pods"] for it in pod["Containers"])
    try:
        # Its `wait` answers at once where the container does not run yet. One whose cleanup failed stays "stopped".
        wait_for(lambda: _status(podman, container) in {"exited", "stopped"}, LIMIT_S, "the pod runs on")
    except AssertionError as error:
        error.add_note(f"status {_status(podman, container)}\n{podman.logs(container).decode()}")
        raise
    log = podman.logs(container).decode()
    (tmp_path / "node-a.log").write_text(log)
    removed = podman.delete(f"{podman.base_url}{PLAY}", data=manifest, timeout=LIMIT_S)
    assert removed.ok, removed.text
    merged = run_inception("report", "merge", str(tmp_path / "node-a.log"), "--output", str(tmp_path / "fleet"))
    assert merged.returncode == 0, (merged.stderr.decode(), log)
    fleet = json.loads((tmp_path / "fleet" / "fleet.json").read_text())
    assert {it["name"]: it["depth"] for it in fleet["machines"]} == {"node-a": 3}
    assert "making the level image of the client image's own files" in log
    assert podman.containers(all=True) == []
    assert podman.volumes()["Volumes"] == []
