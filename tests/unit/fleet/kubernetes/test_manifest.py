"""The manifest of a fleet on Kubernetes, against the published schemas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from inception.cli.main import run_arguments
from inception.errors import UsageError
from inception.fleet.fleets import FleetJob
from inception.fleet.kubernetes.manifest import check, manifest

JOB = FleetJob(name="nightly", image="registry.example/inception-cli:1", arguments=("--max-depth", "8"), nodes=3)
FIRST_VERSION = "1.28"
"""The first release with a limit for each index of a Job."""


def read(job: FleetJob) -> dict[str, Any]:
    written: dict[str, Any] = yaml.safe_load(manifest(job))
    return written


@pytest.mark.parametrize("version", [FIRST_VERSION, "1.33", "1.37"])
def test_manifest_has_no_field_that_a_release_does_not_know(version: str) -> None:
    for job in (JOB, replace(JOB, labels=("disk=ssd", "example.com/zone=a"))):
        assert kubernetes_validate.validate(read(job), version, strict=True) == version


def test_schema_would_refuse_a_field_that_is_misspelt() -> None:
    misspelt = read(JOB)
    misspelt["spec"]["backOffLimitPerIndex"] = misspelt["spec"].pop("backoffLimitPerIndex")
    with pytest.raises(kubernetes_validate.ValidationError, match="backOffLimitPerIndex"):
        kubernetes_validate.validate(misspelt, FIRST_VERSION, strict=True)


def test_one_pod_a_node_with_its_label_and_not_tried_again() -> None:
    spec = read(replace(JOB, labels=("disk=ssd",)))["spec"]
    pod = spec["template"]["spec"]
    assert (spec["completions"], spec["parallelism"], spec["backoffLimitPerIndex"]) == (3, 3, 0)
    assert (pod["restartPolicy"], pod["nodeSelector"]) == ("Never", {"disk": "ssd"})
    (rule,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule["topologyKey"] == "kubernetes.io/hostname"
    assert (
        rule["labelSelector"]["matchLabels"] == spec["template"]["metadata"]["labels"] == {"inception.fleet": "nightly"}
    )


@pytest.mark.parametrize("word", ["a: b", '"', "\n- x", "{{ name }}", "yes", "1e3", "#", "<&>", "\u2028"])
def test_words_arrive_as_they_are(word: str) -> None:
    job = replace(JOB, image=word, arguments=(word,), labels=(f"a={word}",))
    pod = read(job)["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == pod["containers"][0]["command"][-1] == pod["nodeSelector"]["a"] == word


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (replace(JOB, name="A"), "cannot name a Job: use lower-case"),
        (replace(JOB, name="a-"), "cannot name a Job"),
        (replace(JOB, name="a" * 64), "cannot name a Job"),
        (replace(JOB, labels=("disk",)), "'disk' is no label: write it like disk=ssd"),
        (replace(JOB, nodes=0), "0 nodes cannot be a Job: give 1 to"),
    ],
)
def test_what_no_job_can_be_is_refused(job: FleetJob, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check(job)


def test_command_prints_the_manifest_of_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_arguments(["fleet", "manifest", "--nodes", "2", "--name", "n", "--max-depth", "4", "--soak", "1m"]) == 0
    written = yaml.safe_load(capsys.readouterr().out)
    assert written["metadata"]["name"] == "n"
    command = written["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[command.index("inception") :] == [
        *("inception", "fleet", "node", "--own-engine", "--max-depth", "4", "--soak", "1m")
    ]


def test_command_refuses_options_that_stress_does_not_have(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_arguments(["fleet", "manifest", "--nodes", "2", "--max-dept", "4"]) != 0
    assert "--max-dept" in capsys.readouterr().err
