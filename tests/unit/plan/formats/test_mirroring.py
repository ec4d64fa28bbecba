from __future__ import annotations

import pytest

from inception.plan.formats.mirroring import CaughtUp, Clocks, FileChange, LockChange, Report, read_report


@pytest.mark.parametrize(
    "report",
    [
        Clocks(1.5, 2.5),
        FileChange("2/dockerd.log", whole=True, data=bytes(range(256))),
        LockChange("1/alive", held=True, ready=False),
        CaughtUp(),
    ],
)
def test_a_report_is_one_line_and_read_back(report: Report) -> None:
    line = report.to_line()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert read_report(line) == report


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"file": 1}', b'{"clocks": ["x"]}', b'{"lock": "a"', b"\xff"])
def test_what_is_no_report_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="not a report"):
        read_report(line)
