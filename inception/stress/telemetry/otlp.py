"""Sends a campaign's traces and metrics to an OpenTelemetry collector, by OTLP over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from inception.errors import InceptionError, UsageError
from inception.stress.report.record import Report
from inception.stress.telemetry.samples import environment_labels, samples
from inception.stress.telemetry.spans import SpanRecord, spans

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

_NANO = 1_000_000_000
_AT_ONCE = 500
"""Spans of one request: a collector takes 4 MiB by default."""
_LIMIT_S = 10.0
_NAME = "inception"


def check_otel(url: str) -> None:
    """Check that the libraries are there and that `url` is one. Raises UsageError."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter") is None:
        raise UsageError(
            "traces are sent by OpenTelemetry's SDK, which is not installed",
            remedy="pip install 'inception-dind[otel]'",
        )
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url!r} is no address of a collector", remedy="write it like http://localhost:4318")


def send(report: Report, url: str) -> None:
    """Send the spans and metrics of `report` to the collector at `url`. Raises UsageError and InceptionError.

    OpenTelemetry's own variables apply, such as OTEL_EXPORTER_OTLP_HEADERS.
    """
    check_otel(url)
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics.export import MetricExportResult
    from opentelemetry.sdk.trace.export import SpanExportResult

    base = url.rstrip("/")
    made = finished_spans(report)
    to_traces = OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=_LIMIT_S)
    to_metrics = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=_LIMIT_S)
    with _reported() as reasons:
        try:
            for begin in range(0, len(made), _AT_ONCE):
                if to_traces.export(made[begin : begin + _AT_ONCE]) is not SpanExportResult.SUCCESS:
                    raise _refusal(base, "traces", reasons)
            if to_metrics.export(metrics_data(report)) is not MetricExportResult.SUCCESS:
                raise _refusal(base, "metrics", reasons)
        except OSError as error:  # Earlier versions of the SDK let it pass.
            raise _refusal(base, "report", [str(error)]) from error


def finished_spans(report: Report) -> Sequence[ReadableSpan]:
    """Return the spans of `report` as those of the SDK."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON
    from opentelemetry.trace import Span, StatusCode, set_span_in_context

    memory = InMemorySpanExporter()
    provider = TracerProvider(ALWAYS_ON, _resource(report), shutdown_on_exit=False)
    # All are kept, and sent afterwards: the SDK's queue drops what is too much for it.
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer(_NAME, report.environment.program)
    begun: list[tuple[SpanRecord, Span]] = []
    for record in spans(report):
        context = None if record.parent is None else set_span_in_context(begun[record.parent][1])
        started = tracer.start_span(
            record.name, context, start_time=round(record.begun * _NANO), attributes=record.attributes
        )
        if record.error:
            started.set_status(StatusCode.ERROR, record.error)
        begun.append((record, started))
    for record, span in begun:
        span.end(round(record.ended * _NANO))
    if not (made := memory.get_finished_spans()):
        raise _disabled()
    return made


def metrics_data(report: Report) -> MetricsData:
    """Return the metrics of `report` as those of the SDK."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=_resource(report), shutdown_on_exit=False)
    meter = provider.get_meter(_NAME, report.environment.program)
    gauges = {it.otel_name: meter.create_gauge(it.otel_name, it.unit, it.about) for it in samples(report)}
    for it in samples(report):
        gauges[it.otel_name].set(it.value, it.labels)
    data = reader.get_metrics_data()
    if data is None:
        raise _disabled()
    return data


def _resource(report: Report) -> Resource:
    from opentelemetry.sdk.resources import Resource

    own = {f"{_NAME}.{name}": value for name, value in environment_labels(report).items()}
    return Resource.create({"service.name": _NAME, "service.version": report.environment.program, **own})


def _disabled() -> InceptionError:
    return InceptionError("OpenTelemetry's SDK makes nothing", remedy="unset OTEL_SDK_DISABLED, or leave out --otlp")


def _refusal(url: str, what: str, reasons: list[str]) -> InceptionError:
    why = f": {reasons[-1]}" if reasons else ""
    return InceptionError(f"the collector at {url} did not take the {what}{why}", remedy="correct --otlp")


@contextmanager
def _reported() -> Iterator[list[str]]:
    """Give a list that gets what the SDK logs, in place of standard error: it reports failures in no other way."""
    reasons: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reasons.append(" ".join(record.getMessage().split()))

    keeper = Keeper(logging.WARNING)
    logger = logging.getLogger("opentelemetry")
    before = logger.propagate
    logger.addHandler(keeper)
    logger.propagate = False
    try:
        yield reasons
    finally:
        logger.removeHandler(keeper)
        logger.propagate = before
