"""Fleets on a Kubernetes cluster by its official client, against a server that answers as the API server does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from inception.cli.main import run_arguments
from inception.errors import EngineError, UsageError
from inception.fleet import follow
from inception.fleet.fleets import FleetJob, choose
from inception.fleet.kubernetes import cluster as cluster_module
from inception.fleet.kubernetes.cluster import open_cluster
from inception.fleet.kubernetes.state import indexes
from inception.fleet.nodes import Phase
from inception.fleet.transport import to_lines
from tests.factories.fleets import machine_report
from tests.unit.fleet.kubernetes.api_server import Cluster, running_server

SUCCEEDED = {"phase": "Succeeded"}
RUNNING = {"phase": "Running"}
FAILED = {
    "phase": "Failed",
    "containerStatuses": [
        {
            "name": "campaign",
            "image": "cli",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
        }
    ],
}
NO_IMAGE = {
    "phase": "Pending",
    "containerStatuses": [
        {
            "name": "campaign",
            "image": "cli",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
        }
    ],
}
NO_NODE = {
    "phase": "Pending",
    "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}
    ],
}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(follow, "_PAUSE_S", 0.01)
    monkeypatch.setattr(follow, "_SETTLE_S", 0.05)
    monkeypatch.setattr(cluster_module, "_PAUSE_S", 0.01)
    with running_server(tmp_path) as (made, config):
        monkeypatch.setenv("KUBECONFIG", str(config))
        # The client reads the variable when it is imported.
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(config))
        yield made


def job(name: str = "nightly", **other: object) -> FleetJob:
    return FleetJob(**{"name": name, "image": "cli", "arguments": ("--max-depth", "2"), **other})  # type: ignore[arg-type]


def states(name: str = "nightly") -> dict[str, tuple[Phase, str]]:
    with open_cluster(None) as opened:
        reader = opened.reader(choose(opened.fleets(), name))
        return {it.name: (it.phase, it.line) for it in reader.read()}


def test_job_is_made_for_all_nodes_that_take_pods_listed_and_removed(cluster: Cluster) -> None:
    cluster.add_node("a")
    cluster.add_node("b")
    cluster.add_node("cordoned", cordoned=True)
    cluster.add_node("down", ready=False)
    cluster.add_node("control", tainted=True)
    with open_cluster(None) as opened:
        made = opened.create(job(labels=("disk=ssd",)))
        assert cluster.jobs["nightly"]["spec"]["completions"] == 2
        assert (made.arguments, made.constraints) == (("--max-depth", "2"), ("disk == ssd",))
        with pytest.raises(UsageError, match="exists already"):
            opened.create(job())
        opened.remove(made)
        assert opened.fleets() == ()


def test_cluster_without_a_node_that_takes_pods_is_refused(cluster: Cluster) -> None:
    cluster.add_node("cordoned", cordoned=True)
    with open_cluster(None) as opened, pytest.raises(UsageError, match="no node of the cluster takes pods"):
        opened.create(job())


def test_each_pod_is_a_node_and_says_what_it_waits_for_or_why_it_failed(cluster: Cluster) -> None:
    with open_cluster(None) as opened:
        opened.create(job(nodes=8))
    cluster.add_pod("nightly", 0, "a", SUCCEEDED, "inception: level 2 of 2 is ready", *to_lines("report"))
    cluster.add_pod("nightly", 1, "b", RUNNING, "inception: level 1 of 2 is ready")
    cluster.add_pod("nightly", 2, "c", FAILED)
    cluster.add_pod("nightly", 3, "d", NO_IMAGE)
    cluster.add_pod("nightly", 4, None, NO_NODE)
    cluster.add_pod("nightly", 5, "e", {"phase": "Unknown"}, "inception: level 1 of 2 is ready")
    cluster.jobs["nightly"]["status"] = {"failedIndexes": "2,6"}
    assert states() == {
        "a": (Phase.REPORTED, "level 2 of 2 is ready"),
        "b": (Phase.RUNNING, "level 1 of 2 is ready"),
        "c": (Phase.FAILED, "the pod ended as Failed: OOMKilled (exit status 137)"),
        "d": (Phase.WAITING, "ImagePullBackOff: no such image"),
        "e": (Phase.LOST, "the node does not answer"),
        "no-node-4": (Phase.WAITING, "Unschedulable: 0/3 nodes are available"),
        "no-node-6": (Phase.LOST, "its pod failed and is gone, as with its node"),
        "no-node-7": (Phase.WAITING, "no pod yet"),
    }


@pytest.mark.parametrize(("text", "numbers"), [("", []), ("3", [3]), ("1,3-5,7", [1, 3, 4, 5, 7])])
def test_indexes_are_numbers_and_ranges(text: str, numbers: list[int]) -> None:
    assert list(indexes(text)) == numbers


def test_fleet_runs_to_one_report_and_is_removed(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for node in ("a", "b"):
        cluster.add_node(node)
    report = machine_report()

    def schedule() -> None:
        while "nightly" not in cluster.jobs:
            if ended.wait(0.01):
                return
        cluster.add_pod("nightly", 0, "a", RUNNING, "inception: level 1 of 2 is ready")
        ended.wait(0.1)
        cluster.add_pod("nightly", 0, "a", SUCCEEDED, "inception: done", *to_lines(report.to_json()))
        cluster.add_pod("nightly", 1, "b", FAILED)

    ended = threading.Event()
    scheduler = threading.Thread(target=schedule)
    scheduler.start()
    try:
        status = run_arguments(
            [
                *("fleet", "run", "--on", "kubernetes", "--name", "nightly", "--max-depth", "2"),
                *("--output", str(tmp_path / "f")),
            ]
        )
    finally:
        ended.set()
        scheduler.join()
    said = capsys.readouterr()
    assert status == 0, said.err
    assert "2 machines: 1 reached the depth, 1 sent no report" in said.out
    merged = json.loads((tmp_path / "f" / "fleet.json").read_text())
    assert [it["name"] for it in merged["machines"]] == ["a"]
    assert [(it["name"], it["reason"].split(":")[0]) for it in merged["missing"]] == [("b", "failed")]
    assert cluster.jobs == {}


def test_fleet_of_a_manifest_is_collected_and_gates_count(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_cluster(None) as opened:
        opened.create(job(nodes=1))
    cluster.add_pod("nightly", 0, "a", SUCCEEDED, *to_lines(machine_report().to_json()))
    assert run_arguments(["fleet", "ls", "--on", "kubernetes", "--json"]) == 0
    assert [it["name"] for it in json.loads(capsys.readouterr().out)] == ["nightly"]
    target = str(tmp_path / "f")
    words = ["fleet", "collect", "--on", "kubernetes", "--namespace", "ci", "--fail-under", "99", "--output", target]
    assert run_arguments(words) == 1
    assert "requirement not met" in capsys.readouterr().err
    assert cluster.jobs == {}


@pytest.mark.usefixtures("cluster")
def test_fleet_is_taken_down(capsys: pytest.CaptureFixture[str]) -> None:
    with open_cluster(None) as opened:
        opened.create(job(nodes=1))
    assert run_arguments(["fleet", "down", "--on", "kubernetes", "nightly"]) == 0
    assert capsys.readouterr().out == "nightly\n"
    assert run_arguments(["fleet", "down", "--on", "kubernetes", "nightly"]) == 2
    assert "no fleet nightly runs there" in capsys.readouterr().err


def test_refusal_of_the_server_is_one_line(cluster: Cluster) -> None:
    cluster.is_broken = True
    with open_cluster(None) as opened, pytest.raises(EngineError, match="listing the cluster's Jobs: etcdserver: no"):
        opened.fleets()


def test_missing_kubeconfig_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="no Kubernetes cluster is configured"), open_cluster(None):
        raise AssertionError
