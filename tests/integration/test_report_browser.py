"""The pages of a report and of a fleet in a real browser: nothing in the console, every chart drawn, light and dark."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from inception.fleet.report import files as fleet_files
from inception.fleet.report.charts import charts as fleet_charts
from inception.fleet.report.files import write_fleet
from inception.fleet.report.merge import merge
from inception.stress.report.charts import charts
from inception.stress.report.files import PAGE, write_report
from inception.stress.report.svg import DARK, LIGHT, Chart, Palette
from tests.factories.fleets import fleet_reports
from tests.factories.stress_reports import eventful

_CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(_CHROMIUM is None, reason="Debian's chromium is not installed (apt-get install chromium)"),
]

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    *("--enable-logging=stderr", "--v=0", "--window-size=1240,2000", "--virtual-time-budget=2000"),
)
_SCHEMES = {"dark": 0, "light": 1}
"""mojom::PreferredColorScheme, which a page sees as prefers-color-scheme."""
_ASKED = """<script>
const rows = [...document.querySelectorAll('svg.chart')].map(chart => {
  const box = chart.getBoundingClientRect();
  const marks = [...chart.querySelectorAll('rect,circle,path')].map(it => it.getBoundingClientRect());
  const seen = marks.filter(it => it.width > 0 && it.height >= 0);
  const texts = [...chart.querySelectorAll('text')].map(it => it.getBoundingClientRect());
  const outside = texts.filter(it => it.left < box.left - 1 || it.right > box.right + 1 || it.bottom > box.bottom + 1);
  return {label: chart.getAttribute('aria-label'), width: box.width, marks: seen.length, outside: outside.length,
          text: getComputedStyle(chart.querySelector('text')).fill};
});
const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
document.body.setAttribute('data-seen', JSON.stringify({rows, wide, body: getComputedStyle(document.body).color}));
</script>"""
"""Stands in a copy of the page only: the report itself has no script."""


_EACH_SCHEME = pytest.mark.parametrize(("scheme", "palette"), [("light", LIGHT), ("dark", DARK)])


def _browse(tmp_path: Path, scheme: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert _CHROMIUM
    return subprocess.run(
        [
            _CHROMIUM,
            *_FLAGS,
            f"--blink-settings=preferredColorScheme={_SCHEMES[scheme]}",
            f"--user-data-dir={tmp_path / 'profile'}",
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )


def _rgb(colour: str) -> str:
    red, green, blue = (int(colour[index : index + 2], 16) for index in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})"


def _check_page(file: Path, scheme: str, palette: Palette, drawn: Sequence[Chart]) -> None:
    """Check that the page in `file` has each chart, whole, in the colours of `scheme`, and an empty console."""
    page = file.read_text(encoding="utf-8")
    (file.parent / "asked.html").write_text(page.replace("</body>", f"{_ASKED}</body>"), encoding="utf-8")

    shot = file.parent / f"{scheme}.png"
    shown = _browse(file.parent, scheme, f"--screenshot={shot}", f"file://{file}")
    assert "CONSOLE" not in shown.stderr
    assert shot.stat().st_size > 50_000

    asked = _browse(file.parent, scheme, "--dump-dom", f"file://{file.parent / 'asked.html'}")
    assert "CONSOLE" not in asked.stderr
    found = re.search(r"data-seen=\"(.*?)\"", asked.stdout)
    assert found
    seen = json.loads(found[1].replace("&quot;", '"'))
    assert [row["label"] for row in seen["rows"]] == [chart.title for chart in drawn]
    for row in seen["rows"]:
        assert row["marks"] >= 3, row
        assert row["width"] > 300, row
        assert row["outside"] == 0, row
        assert row["text"] in {_rgb(palette.faint), _rgb(palette.text)}, row
    assert not seen["wide"]


@_EACH_SCHEME
def test_page_draws_every_chart_in_a_browser(tmp_path: Path, scheme: str, palette: Palette) -> None:
    report = eventful()
    write_report(report, tmp_path)
    _check_page(tmp_path / PAGE, scheme, palette, charts(report))


@_EACH_SCHEME
@pytest.mark.parametrize("count", [3, 1000])
def test_page_of_a_fleet_draws_every_chart_in_a_browser(
    count: int, tmp_path: Path, scheme: str, palette: Palette
) -> None:
    fleet = merge(fleet_reports(count))
    write_fleet(fleet, tmp_path)
    _check_page(tmp_path / fleet_files.PAGE, scheme, palette, fleet_charts(fleet))


def test_console_error_of_a_broken_page_is_noticed(tmp_path: Path) -> None:
    """The test above can fail: what a broken page says does arrive."""
    (tmp_path / "broken.html").write_text("<!doctype html><script>console.error('broken')</script>", encoding="utf-8")
    heard = _browse(tmp_path, "light", "--dump-dom", f"file://{tmp_path / 'broken.html'}")
    assert "CONSOLE" in heard.stderr
