"""Fixtures of the integration tests, for these tests too."""

from __future__ import annotations

from tests.integration.conftest import (
    engine,
    inception_environment,
    level_image,
    own_run_root,
    run_inception,
    unchanged_host,
)

__all__ = ["engine", "inception_environment", "level_image", "own_run_root", "run_inception", "unchanged_host"]
