"""The site in a real browser: a silent console, no page wider than a phone, light and dark, a search that finds."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

_CHROMIUM = shutil.which("chromium")
_DOCS = Path(__file__).parents[3] / "docs"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(_CHROMIUM is None, reason="Debian's chromium is not installed (apt-get install chromium)"),
    pytest.mark.skipif(importlib.util.find_spec("furo") is None, reason="the tools of `make docs` are not installed"),
]
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    *("--enable-logging=stderr", "--v=0", "--virtual-time-budget=4000"),
)
_ASKED = """<script>document.body.setAttribute('data-seen', [document.documentElement.scrollWidth,
  getComputedStyle(document.body).backgroundColor].join(' '));</script></body>"""
"""Put into a copy of the page: its width and its background."""
_PHONE = 500
"""Pixels of the narrowest window that chromium opens."""


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The site's directory, and its address on the loopback."""
    place = tmp_path_factory.mktemp("site")
    subprocess.run(
        (sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "-d", place / "trees", _DOCS, place / "html"),
        check=True,
    )
    handler = functools.partial(_Silent, directory=str(place / "html"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield place / "html", f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _dump(tmp_path: Path, address: str, *flags: str) -> str:
    """Return the page as it is once its scripts have run. Fail if one of them wrote to the console."""
    assert _CHROMIUM
    done = subprocess.run(
        (_CHROMIUM, *_FLAGS, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", address),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("page", ["index", "first-steps", "reference/files", "reference/commands/inception-up"])
def test_page_is_no_wider_than_a_phone_in_light_and_dark(page: str, site: tuple[Path, str], tmp_path: Path) -> None:
    file = site[0] / f"{page}.html"
    asked = file.with_name(f"asked-{file.name}")
    asked.write_text(file.read_text(encoding="utf-8").replace("</body>", _ASKED), encoding="utf-8")
    backgrounds = []
    for scheme in ("0", "1"):  # mojom::PreferredColorScheme: dark, light
        flags = (f"--window-size={_PHONE},900", f"--blink-settings=preferredColorScheme={scheme}")
        text = _dump(tmp_path, f"{site[1]}/{asked.relative_to(site[0])}", *flags)
        seen = re.search(r'data-seen="(\d+) rgb\((\d+)', text)
        assert seen
        assert int(seen[1]) <= _PHONE
        backgrounds.append(int(seen[2]))
    dark, light = backgrounds
    assert dark < 50
    assert light > 200


def test_search_finds_pages(site: tuple[Path, str], tmp_path: Path) -> None:
    text = _dump(tmp_path, f"{site[1]}/search.html?q=lifeline", "--virtual-time-budget=8000")
    assert "explanation/descent.html" in text
    assert re.search(r"found \w+ pages", text)
