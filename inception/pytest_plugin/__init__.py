"""Fixtures for pytest: clean Docker engines in chains that last for a session.

    from inception.pytest_plugin import CleanEngine

    def test_it(inception_engine: CleanEngine) -> None:
        inception_engine.client.containers.run(inception_engine.image, ["true"])

pytest loads `fixtures` at each start, also in projects that use none of them: more is loaded when one is used.
"""

from __future__ import annotations

from inception.pytest_plugin.engine import CleanEngine

__all__ = ["CleanEngine"]
