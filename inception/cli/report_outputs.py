"""Options for where a campaign's report goes, beside its directory: files, and an OpenTelemetry collector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inception.plan.light_dataclasses import dataclass

if TYPE_CHECKING:
    from inception.stress.report.record import Report

TraceFile = Annotated[
    Path | None, typer.Option("--trace", metavar="FILE", help="Write a trace that Perfetto and Chrome open.")
]
MetricsFile = Annotated[
    Path | None, typer.Option("--metrics", metavar="FILE", help="Write metrics for Prometheus' node exporter.")
]
Collector = Annotated[
    str | None,
    typer.Option("--otlp", metavar="URL", help="Send traces and metrics to an OpenTelemetry collector by HTTP."),
]


@dataclass(frozen=True, kw_only=True)
class Output:
    """Places of a campaign's results, those that are not None, and whether JSON is printed."""

    directory: Path | None = None
    trace: Path | None = None
    metrics: Path | None = None
    otlp: str | None = None
    as_json: bool = False

    def check(self) -> None:
        """Check, before a campaign is run, what would fail after it. Raises UsageError."""
        if self.metrics is not None:
            from inception.stress.telemetry.prometheus import check_prometheus

            check_prometheus()
        if self.otlp is not None:
            from inception.stress.telemetry.otlp import check_otel

            check_otel(self.otlp)
        if self.directory is not None:
            from inception.stress.report.files import make_directory

            make_directory(self.directory)

    def write(self, report: Report) -> None:
        """Write `report` to each file. Raises InceptionError."""
        from inception.stress.report.files import write_report, write_trace

        if self.directory is not None:
            write_report(report, self.directory)
        if self.trace is not None:
            write_trace(report, self.trace)
        if self.metrics is not None:
            from inception.stress.telemetry.prometheus import write_metrics

            write_metrics(report, self.metrics)

    def send(self, report: Report) -> None:
        """Send `report` to the collector, if there is one. Raises InceptionError."""
        if self.otlp is not None:
            from inception.stress.telemetry.otlp import send

            send(report, self.otlp)
