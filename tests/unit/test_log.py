"""The diagnostic log: what is written to it, and where it goes."""

from __future__ import annotations

import io
import logging
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from inception import log
from inception.callbacks import ignore
from inception.cli.drawing import draw
from inception.cli.output import say, say_unless
from inception.engine.client import open_client
from inception.engine.translate import translated
from inception.errors import EngineError, UsageError
from inception.linux.retry import retry
from tests.factories.plans import plan


@pytest.fixture
def shown() -> Iterator[None]:
    """Shows the log, as --verbose does."""
    own = logging.getLogger("inception")
    before = own.level, list(own.handlers)
    log.show_log("debug")
    yield
    own.setLevel(before[0])
    own.handlers = before[1]


class Engine(BaseHTTPRequestHandler):
    """An engine that knows its version, and nothing else."""

    def do_GET(self) -> None:
        found = self.path.endswith("/version")
        body = b'{"ApiVersion": "1.41"}' if found else b'{"message": "no such thing"}'
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def address_string(self) -> str:
        return "unix"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[str]:
    with socketserver.ThreadingUnixStreamServer(str(tmp_path / "engine"), Engine) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"unix://{tmp_path}/engine"
        server.shutdown()


def test_engine_calls_are_logged_with_status_and_time(engine: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "inception")
    client = open_client(engine)
    with pytest.raises(EngineError), translated("looking"):
        client.inspect_image("x")
    client.close()
    first, second, error = (record.getMessage() for record in caplog.records)
    assert first.startswith(f"{engine}: GET /version: 200 in ")
    assert first.endswith(" ms")
    assert second.startswith(f"{engine}: GET /v1.41/images/x/json: 404 in ")
    assert error.startswith("looking: NotFound")


def test_retries_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "inception")
    outcomes = iter([OSError("busy"), OSError("still busy"), None])

    def call() -> None:
        if (error := next(outcomes)) is not None:
            raise error

    retry(call, errors=OSError, limit_s=5, pause_s=0)
    first, second = (record.getMessage() for record in caplog.records)
    assert first == "first attempt failed, trying again for 5 s: OSError('busy')"
    assert "still busy" in second


def test_decisions_of_the_plan_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inception")
    log.log_plan(plan())
    logged = caplog.text
    for what in ("privileges", "image transfer", "network", "PID namespaces", "storage", "bridges"):
        assert f"plan of chain dream: {what}: " in logged


@pytest.mark.usefixtures("shown")
def test_records_are_lines_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    log.show_log("debug")  # Asked for twice, it is shown once.
    logging.getLogger("inception.anything").debug("said %d times", 1)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("inception: ")
    assert line.endswith(" said 1 times")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("shown")
def test_a_terminal_in_raw_mode_gets_carriage_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    logging.getLogger("inception").debug("said")
    assert terminal.getvalue().endswith("said\r\n")


@pytest.mark.usefixtures("shown")
def test_nothing_is_drawn_live_while_the_log_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert type(draw._canvas(1, quiet=False)).__name__ == "PlainCanvas"


def test_the_log_is_not_shown_by_default() -> None:
    assert not log.is_shown()


def test_an_unknown_level_of_the_log_is_refused() -> None:
    with pytest.raises(UsageError, match="INCEPTION_LOG='loud' is not a level of the log: use debug or info"):
        log.show_log("loud")


def test_quiet_commands_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert say_unless(quiet=True) is ignore
    say_unless(quiet=True)("said")
    assert say_unless(quiet=False) is say
    say_unless(quiet=False)("said")
    assert capsys.readouterr() == ("", "inception: said\n")
