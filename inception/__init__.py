"""Nest Docker engines to any depth.

    from inception import descend

    with descend(depth=2) as levels:
        print(levels.bottom.containers.list())

This module travels into every level, where only plan/, linux/ and level/ are: what it offers is loaded when it is asked
for, so that importing it costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # As typing's, which would have to be loaded for it.
if TYPE_CHECKING:
    from inception.api import attach, descend
    from inception.chain.level_clients import Levels
    from inception.errors import (
        ChainError,
        CommandRefused,
        EngineError,
        EngineUnreachable,
        ImageError,
        InceptionError,
        Interrupted,
        LevelError,
        PlanError,
        UsageError,
    )

__version__ = "0.2.0"
__all__ = [
    "ChainError",
    "CommandRefused",
    "EngineError",
    "EngineUnreachable",
    "ImageError",
    "InceptionError",
    "Interrupted",
    "LevelError",
    "Levels",
    "PlanError",
    "UsageError",
    "__version__",
    "attach",
    "descend",
]

if not TYPE_CHECKING:  # A type checker that saw this function would accept any name.

    def __getattr__(name: str) -> object:
        """Return what `name` stands for, loaded on first use (PEP 562)."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        homes = {"attach": "inception.api", "descend": "inception.api", "Levels": "inception.chain.level_clients"}
        return getattr(import_module(homes.get(name, "inception.errors")), name)

    def __dir__() -> list[str]:
        """Return the names that are loaded, and those that can be."""
        return sorted({*globals(), *__all__})
