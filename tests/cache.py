"""Directory of what the tests make once: the checkout's `.cache`, or the place named by INCEPTION_TESTS_CACHE."""

from __future__ import annotations

import os
from pathlib import Path

CACHE = Path(os.environ.get("INCEPTION_TESTS_CACHE", Path(__file__).parents[1] / ".cache")).absolute()
ENGINES = CACHE / "engines"
"""Directory of Debian roots, level images and images of other engines: isolated runs see it, and change it."""
