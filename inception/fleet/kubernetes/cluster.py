"""The fleets of a Kubernetes cluster: Jobs that the official client makes, lists and removes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from inception.engine.translate import one_line
from inception.errors import EngineError, UsageError
from inception.fleet.fleets import LABEL_ARGUMENTS, Fleet, FleetJob, choose, refuse_another
from inception.fleet.kubernetes.answers import ANSWER_S, answered, items
from inception.fleet.kubernetes.manifest import manifest
from inception.fleet.kubernetes.reader import JobReader
from inception.plan.chain import LABEL_FLEET
from inception.plan.light_dataclasses import replace

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_GONE_S = 150.0
"""Time for pods to unwind: their grace period and some."""
_PAUSE_S = 0.5
_GONE = 404


class Cluster:
    """The cluster that a kubeconfig names. Methods raise EngineError."""

    def __init__(self, api: ApiClient, namespace: str) -> None:
        from kubernetes.client import BatchV1Api, CoreV1Api

        self._api = api
        self._jobs = BatchV1Api(api)
        self._core = CoreV1Api(api)
        self._namespace = namespace

    def create(self, job: FleetJob) -> Fleet:
        """Create the Job, on all nodes that take pods if it has no number. Raises UsageError if its name is taken."""
        import yaml

        refuse_another(self.fleets(), job.name)
        if job.nodes is None:
            job = replace(job, nodes=self._count_nodes(job.labels))
            if not job.nodes:
                raise UsageError("no node of the cluster takes pods", remedy="see kubectl get nodes, or give --nodes")
        with answered("creating the Job"):
            body = yaml.safe_load(manifest(job))
            self._jobs.create_namespaced_job(self._namespace, body, _request_timeout=ANSWER_S)
        return choose(self.fleets(), job.name)

    def _count_nodes(self, labels: Sequence[str]) -> int:
        """Return the number of nodes with these labels that take pods."""
        with answered("listing the cluster's nodes"):
            nodes = items(
                self._api, self._core.list_node(label_selector=",".join(labels) or None, _request_timeout=ANSWER_S)
            )
        return sum(map(_takes_pods, nodes))

    def fleets(self) -> tuple[Fleet, ...]:
        """Return the fleets of the namespace, by their names."""
        with answered("listing the cluster's Jobs"):
            jobs = items(
                self._api,
                self._jobs.list_namespaced_job(self._namespace, label_selector=LABEL_FLEET, _request_timeout=ANSWER_S),
            )
        return tuple(sorted(map(_fleet_of, jobs), key=lambda it: it.name))

    def reader(self, fleet: Fleet) -> JobReader:
        """Return what reads the state of a fleet."""
        return JobReader(self._api, namespace=self._namespace, fleet=fleet)

    def remove(self, fleet: Fleet) -> None:
        """Remove the Job, and wait until its pods have unwound."""
        from kubernetes.client import ApiException

        with answered(f"removing the fleet {fleet.name}"):
            try:
                self._jobs.delete_namespaced_job(
                    fleet.handle, self._namespace, propagation_policy="Foreground", _request_timeout=ANSWER_S
                )
                deadline_s = time.monotonic() + _GONE_S
                while time.monotonic() < deadline_s:
                    self._jobs.read_namespaced_job(fleet.handle, self._namespace, _request_timeout=ANSWER_S)
                    time.sleep(_PAUSE_S)
            except ApiException as error:
                if error.status != _GONE:
                    raise
                return
        raise EngineError(
            f"fleet {fleet.name}: its pods did not end within {_GONE_S:.0f} s",
            remedy=f"see kubectl get pods -l {LABEL_FLEET}={fleet.name}",
        )


@contextmanager
def open_cluster(namespace: str | None) -> Iterator[Cluster]:
    """Give the cluster of KUBECONFIG's current context, or of the pod that this is, with a namespace of it.

    Without a namespace it is that of the context. Raises UsageError.
    """
    if find_spec("kubernetes") is None:
        raise UsageError(
            "a cluster is reached by the package kubernetes, which is not installed",
            remedy="pip install 'inception-dind[kubernetes]'",
        )
    from kubernetes.client import ApiClient
    from kubernetes.config import ConfigException, list_kube_config_contexts, load_incluster_config, load_kube_config

    try:
        try:
            load_kube_config()  # type: ignore[no-untyped-call]
            _, context = list_kube_config_contexts()  # type: ignore[no-untyped-call]
            found = str(context["context"].get("namespace") or "default")
        except ConfigException:
            load_incluster_config()  # type: ignore[no-untyped-call]
            found = "default"
    except ConfigException as error:
        raise UsageError(
            f"no Kubernetes cluster is configured ({one_line(error)})", remedy="name a kubeconfig with KUBECONFIG"
        ) from error
    with ApiClient() as api:
        yield Cluster(api, namespace or found)


def _takes_pods(node: Mapping[str, Any]) -> bool:
    """Return whether a pod without tolerations can come to a node."""
    repels = {"NoSchedule", "NoExecute"}
    is_ready = any(it["type"] == "Ready" and it["status"] == "True" for it in node["status"].get("conditions", ()))
    spec = node["spec"]
    repelled = spec.get("unschedulable", False) or any(it["effect"] in repels for it in spec.get("taints", ()))
    return is_ready and not repelled


def _fleet_of(job: Mapping[str, Any]) -> Fleet:
    metadata, selector = job["metadata"], job["spec"]["template"]["spec"].get("nodeSelector", {})
    return Fleet(
        name=metadata["labels"][LABEL_FLEET],
        handle=metadata["name"],
        arguments=tuple(json.loads(metadata.get("annotations", {}).get(LABEL_ARGUMENTS, "[]"))),
        constraints=tuple(f"{name} == {value}" for name, value in sorted(selector.items())),
        created=metadata["creationTimestamp"],
    )
