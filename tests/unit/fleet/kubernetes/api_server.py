"""An HTTP server that answers the requests for Jobs, pods, logs and nodes as a Kubernetes API server does."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kubernetes_validate  # type: ignore[import-untyped]

from inception.plan.chain import LABEL_FLEET

VERSION = "1.37"
NAMESPACE = "ci"
CREATED = "2026-01-01T00:00:00Z"
_INDEX = "batch.kubernetes.io/job-completion-index"
_KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: test
clusters: [{{name: test, cluster: {{server: "{address}"}}}}]
users: [{{name: test, user: {{}}}}]
contexts: [{{name: test, context: {{cluster: test, user: test, namespace: {namespace}}}}}]
"""


class Cluster:
    """Keeps the server's Jobs by their names, its pods with the lines of their logs, and its nodes."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.pods: dict[str, dict[str, Any]] = {}
        self.logs: dict[str, list[str]] = {}
        self.nodes: list[dict[str, Any]] = []
        self.is_broken = False
        """Whether every request is answered with an error of the server."""

    def add_node(self, name: str, *, cordoned: bool = False, ready: bool = True, tainted: bool = False) -> None:
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        taints = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}] if tainted else []
        self.nodes.append(
            {
                "metadata": {"name": name},
                "spec": {"unschedulable": cordoned, "taints": taints},
                "status": {"conditions": [condition]},
            }
        )

    def add_pod(self, job: str, index: int, node: str | None, status: dict[str, Any], *lines: str) -> None:
        """Add the pod of a completion, whose log has `lines`, a second apart."""
        name = f"{job}-{index}-x"
        self.pods[name] = {
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "creationTimestamp": CREATED,
                "labels": {LABEL_FLEET: job},
                "annotations": {_INDEX: str(index)},
            },
            "spec": {"nodeName": node, "containers": [{"name": "campaign"}]},
            "status": status,
        }
        self.logs[name] = [f"2026-01-01T00:00:{second:02}.5Z {line}" for second, line in enumerate(lines)]

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:  # noqa: ANN401
        """Return the status and the object, or the text, of an answer."""
        if self.is_broken:
            return 500, {"kind": "Status", "message": "etcdserver: no leader"}
        jobs = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
        pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
        selected = query.get("labelSelector", [""])[0]
        if found := re.fullmatch(f"{jobs}/(.+)", path):
            return self._job(method, found[1], query)
        if found := re.fullmatch(f"{pods}/(.+)/log", path):
            return 200, "".join(f"{line}\n" for line in self.logs[found[1]])
        if path == jobs and method == "POST":
            return self._create(body)
        lists = {
            jobs: list(self.jobs.values()),
            pods: [
                it for it in self.pods.values() if f"{LABEL_FLEET}={it['metadata']['labels'][LABEL_FLEET]}" == selected
            ],
            "/api/v1/nodes": self.nodes,
        }
        return (200, {"items": lists[path]}) if path in lists else (404, {"kind": "Status", "message": f"no {path}"})

    def _create(self, job: dict[str, Any]) -> tuple[int, Any]:
        kubernetes_validate.validate(job, VERSION, strict=True)
        job["metadata"].update(namespace=NAMESPACE, creationTimestamp=CREATED)
        self.jobs[job["metadata"]["name"]] = {**job, "status": {}}
        return 201, job

    def _job(self, method: str, name: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if name not in self.jobs:
            return 404, {"kind": "Status", "message": f'jobs.batch "{name}" not found'}
        if method == "DELETE":
            assert query["propagationPolicy"] == ["Foreground"]
            del self.jobs[name]
            return 200, {"kind": "Status", "status": "Success"}
        return 200, self.jobs[name]


@contextmanager
def running_server(directory: Path) -> Iterator[tuple[Cluster, Path]]:
    """Run the server on loopback; give what it has, and a kubeconfig that names it."""
    cluster = Cluster()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            url = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            body = json.loads(sent) if sent else None
            status, answer = cluster.answer(self.command, url.path, parse_qs(url.query), body)
            is_text = isinstance(answer, str)
            data = answer.encode() if is_text else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if is_text else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 names that the library asks for

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        config = directory / "kubeconfig"
        config.write_text(_KUBECONFIG.format(address=f"http://127.0.0.1:{server.server_port}", namespace=NAMESPACE))
        try:
            yield cluster, config
        finally:
            server.shutdown()
            thread.join()
