"""Put what `make man` made, man pages and completions, into wheels and source distributions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_MADE = Path("build/share")


class ShareHook(BuildHookInterface):
    """The hook that hatchling calls for each build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files of build/share: to a wheel's data, to a source distribution as they are."""
        made = Path(self.root) / _MADE
        if not made.is_dir() or version == "editable":
            return
        if self.target_name == "wheel":
            build_data["shared_data"][str(made)] = "share"
        else:
            build_data["force_include"][str(made)] = str(_MADE)
