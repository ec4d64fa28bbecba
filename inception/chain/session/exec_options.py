"""Options of a session, as `docker exec` has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ExecOptions:
    """Options of one session; None stands for the default of the level.

    `environment` is added to that of the level. `user` is NAME|UID[:GROUP|GID]. `workdir` is a path in the level.
    `terminal` tells whether the command gets a terminal; by default, if we have one.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    workdir: str | None = None
    terminal: bool | None = None
