"""Gives the programs of a level the ways outward: the Docker client the proxies, all of them the authorities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inception.level.failure import PhaseError
from inception.plan.chain import ChainPlan
from inception.plan.engine.outward import AUTHORITIES_FILE

_CLIENT_CONFIG = Path("/root/.docker/config.json")


def open_ways_outward(
    plan: ChainPlan, client_config: Path = _CLIENT_CONFIG, authorities: Path = Path(AUTHORITIES_FILE)
) -> None:
    """Write the proxies into the Docker client's configuration, and add the plan's authorities to the image's.

    Raises PhaseError or OSError.
    """
    if settings := plan.proxies.client_settings():
        client_config.parent.mkdir(parents=True, exist_ok=True)
        client_config.write_text(with_proxies(_read(client_config), settings))
    if plan.outward.authorities:
        authorities.parent.mkdir(parents=True, exist_ok=True)
        with authorities.open("a") as bundle:
            bundle.writelines(f"\n{authority.strip()}\n" for authority in plan.outward.authorities)


def with_proxies(config: str, proxies: dict[str, str]) -> str:
    """Return the `config` of a Docker client with these default proxies. Raises PhaseError if it is no JSON object.

    The client gives them to each build and each container that it starts.
    """
    try:
        fields: dict[str, Any] = dict(json.loads(config))
        fields["proxies"] = {**fields.get("proxies", {}), "default": proxies}
    except (ValueError, TypeError) as error:
        raise PhaseError(f"{_CLIENT_CONFIG} of the image is no JSON object: {error}") from error
    return json.dumps(fields, indent=2) + "\n"


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else "{}"
