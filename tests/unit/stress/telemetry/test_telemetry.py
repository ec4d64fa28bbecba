"""A campaign's metrics and spans, as a file for Prometheus and as what a collector receives."""

from __future__ import annotations

import re
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from prometheus_client.parser import text_string_to_metric_families

from inception.cli.main import run_arguments
from inception.cli.report_outputs import Output
from inception.errors import InceptionError, UsageError
from inception.stress.report.files import write_report
from inception.stress.telemetry import otlp, prometheus
from inception.stress.telemetry.prometheus import write_metrics
from inception.stress.telemetry.samples import samples
from inception.stress.telemetry.spans import spans
from tests.factories.stress_reports import WALL, chain, cycle, eventful, report

CLOSED = "http://127.0.0.1:9"
"""Nobody listens at the port `discard`."""


def test_metrics_of_a_campaign_have_its_numbers(tmp_path: Path) -> None:
    write_metrics(eventful(), tmp_path / "inception.prom")
    text = (tmp_path / "inception.prom").read_text()
    families = {it.name: it for it in text_string_to_metric_families(text)}
    assert all(it.documentation and it.type == "gauge" for it in families.values())
    found = {
        (it.name, *it.labels.values()): it.value
        for family in families.values()
        for it in family.samples
        if not it.name.endswith("info")
    }
    assert found["inception_campaign_depth_levels",] == 4
    assert found["inception_campaign_leaks",] == 1
    assert found["inception_campaign_kicked",] == 1
    assert found["inception_campaign_wall", "pid-namespaces"] == 1
    assert [found["inception_campaign_status", it] for it in ("reached", "wall", "stopped")] == [0, 1, 0]
    assert found["inception_level_ready_seconds",] == pytest.approx(0.9)
    assert found["inception_level_memory_bytes",] == 75_000_000
    (info,) = families["inception_campaign_info"].samples
    assert (info.labels["kernel"], info.labels["engine_version"]) == ("6.12.0", "26.1.5")


def test_manual_names_every_metric() -> None:
    page = (Path(__file__).parents[4] / "docs" / "how-to" / "machines.md").read_text()
    assert [it.prometheus_name for it in samples(eventful()) if f"`{it.prometheus_name}" not in page] == []


def test_number_of_metrics_does_not_grow_with_depth() -> None:
    deep = report(cycle(1, chain(depth=100)), cycle(2, chain(depth=100)), depth=100)
    assert len(samples(deep)) == len(samples(report()))


def test_metrics_that_cannot_be_written_fail_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InceptionError, match="cannot write") as failure:
        write_metrics(report(), tmp_path / "nowhere" / "inception.prom")
    assert failure.value.remedy == "name another --metrics"


def test_spans_lie_within_the_one_that_they_are_part_of_and_none_is_missing() -> None:
    made = spans(eventful())
    levels = [level for it in eventful().chains for level in it.levels]
    assert len(made) == 1 + 2 + 3 + len(levels) + sum(len(level.spans) for level in levels)
    for number, span in enumerate(made):
        assert span.ended >= span.begun
        assert span.parent is None if number == 0 else span.parent is not None and span.parent < number
        if span.parent is not None and made[span.parent].name.startswith(("level", "chain")):
            assert made[span.parent].begun <= span.begun + 1e-6
            assert span.ended <= made[span.parent].ended + 1e-6
    walled = next(span for span in made if span.name == "chain dream-1")
    assert walled.error == WALL.message


class Collector(ThreadingHTTPServer):
    """Keeps what is posted, by path, and answers with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Taker)
        self.status = status
        self.taken: list[tuple[str, bytes]] = []


class Taker(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.taken.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector(request: pytest.FixtureRequest) -> Iterator[Collector]:
    server = Collector(getattr(request, "param", 200))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_collector_receives_every_span_and_metric(collector: Collector, tmp_path: Path) -> None:
    deep = report(*(cycle(number, chain(f"dream-{number}", depth=40)) for number in (1, 2)), depth=40)
    write_report(deep, tmp_path)
    url = f"http://127.0.0.1:{collector.server_port}/"
    metrics = tmp_path / "inception.prom"
    assert run_arguments(["report", str(tmp_path), "--otlp", url, "--metrics", str(metrics)]) == 0
    assert stat.S_ISREG(metrics.stat().st_mode)
    received: list[Span] = []
    for path, body in collector.taken[:-1]:
        assert path == "/v1/traces"
        (of_resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
        assert "inception.kernel" in {it.key for it in of_resource.resource.attributes}
        received += (span for scope in of_resource.scope_spans for span in scope.spans)
    assert len(collector.taken) >= 3
    assert len(received) == len(spans(deep)) > 500
    assert len({span.trace_id for span in received}) == 1
    known = {span.span_id for span in received}
    assert [span.name for span in received if span.parent_span_id not in known] == ["campaign"]
    campaign = next(span for span in received if span.name == "campaign")
    assert campaign.start_time_unix_nano == 1_700_000_000 * 10**9
    assert campaign.end_time_unix_nano == 1_700_000_030 * 10**9
    path, body = collector.taken[-1]
    assert path == "/v1/metrics"
    (of_resource,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
    values = {it.name: (it.unit, it.gauge.data_points[0].as_double) for it in of_resource.scope_metrics[0].metrics}
    assert values["inception.campaign.depth"] == ("{level}", 40)
    assert values["inception.level.ready"] == ("s", pytest.approx(0.9))


def test_wall_is_an_error_of_its_chain(collector: Collector) -> None:
    otlp.send(eventful(), f"http://127.0.0.1:{collector.server_port}")
    (of_resource,) = ExportTraceServiceRequest.FromString(collector.taken[0][1]).resource_spans
    failed = {
        it.name: it.status.message
        for it in of_resource.scope_spans[0].spans
        if it.status.code == Status.STATUS_CODE_ERROR
    }
    assert failed["chain dream-1"] == WALL.message
    assert failed["cycle 2"] == "mount /left <behind>"


@pytest.mark.parametrize("collector", [400], indirect=True)
def test_collector_that_refuses_is_named_in_one_line(
    collector: Collector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_report(report(), tmp_path)
    url = f"http://127.0.0.1:{collector.server_port}"
    assert run_arguments(["report", str(tmp_path), "--otlp", url]) == 125
    said = capsys.readouterr()
    assert re.fullmatch(
        rf"inception: error: the collector at {url} did not take the traces: .*400.*: correct --otlp.*\n", said.err
    )
    assert said.out.endswith("report.html\n")


def test_collector_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "_LIMIT_S", 0.5)
    with pytest.raises(InceptionError, match=f"the collector at {CLOSED} did not take the "):
        otlp.send(report(), CLOSED)


@pytest.mark.parametrize(("module", "extra"), [(prometheus, "metrics"), (otlp, "otel")])
def test_missing_library_is_named_before_anything_is_written(
    module: object, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(report(), tmp_path / "report")
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    outputs = Output(
        directory=tmp_path / "new",
        metrics=tmp_path / "x" if extra == "metrics" else None,
        otlp="http://x" if extra == "otel" else None,
    )
    with pytest.raises(UsageError) as failure:
        outputs.check()
    assert failure.value.remedy == f"pip install 'inception-dind[{extra}]'"
    assert not (tmp_path / "new").exists()


def test_sdk_that_is_turned_off_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with pytest.raises(InceptionError, match="SDK makes nothing"):
        otlp.send(report(), CLOSED)


def test_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(UsageError, match="is no address of a collector"):
        otlp.check_otel("localhost:4318")
