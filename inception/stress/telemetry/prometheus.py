"""Writes a campaign's metrics as the text that Prometheus' node exporter collects from files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from inception.errors import InceptionError, UsageError
from inception.stress.report.record import Report
from inception.stress.telemetry.samples import samples


def check_prometheus() -> None:
    """Check that the library is there. Raises UsageError."""
    if find_spec("prometheus_client") is None:
        raise UsageError(
            "metrics are written by the package prometheus-client, which is not installed",
            remedy="pip install 'inception-dind[metrics]'",
        )


def write_metrics(report: Report, file: Path) -> None:
    """Write the metrics of `report` to `file`, which changes as a whole. Raises UsageError and InceptionError."""
    check_prometheus()
    from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    for it in samples(report):
        name = it.prometheus_name
        if name not in gauges:
            gauges[name] = Gauge(name, it.about, list(it.labels), registry=registry)
        (gauges[name].labels(**it.labels) if it.labels else gauges[name]).set(it.value)
    try:
        write_to_textfile(str(file), registry)
    except OSError as error:
        raise InceptionError(f"cannot write {file}: {error.strerror}", remedy="name another --metrics") from error
