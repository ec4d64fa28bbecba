"""The floor under a level: the same binaries in the same container, and no program of ours between them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from inception.chain.prepare import prepare
from inception.engine.connect import Engine
from inception.level.containers import create_level
from inception.payload import copy_payload
from tests.bench.ours import make_request

_LIMIT_S = 120


@dataclass(frozen=True, kw_only=True)
class Floor:
    """Seconds that each step takes at least."""

    containerd_s: float
    dockerd_s: float
    create_s: float
    start_s: float

    @property
    def level_s(self) -> float:
        return self.containerd_s + self.dockerd_s + self.create_s + self.start_s


def measure_floor(engine: Engine, say: Callable[[str], None]) -> Floor:
    """Be inside one level 1, with nothing deeper, and time the daemons there. Raises RuntimeError if it fails."""
    # Attached, a level ends with its client's lifeline; this one ends by itself.
    plan = replace(prepare(engine, make_request(1, "floor"), say), attached=False)
    directory = Path(plan.run_directory)
    for number in range(2):
        Path(plan.paths.level(number)).mkdir(parents=True)
    try:
        copy_payload(Path(plan.paths.payload))
        program = Path(plan.paths.payload) / "inception/level/__main__.py"
        shutil.copyfile(str(files("tests.bench") / "floor_inside.py"), program)
        Path(plan.paths.plan).write_text(plan.to_json())
        container = create_level(engine.client, plan, 1, plan.level(1).image)
        try:
            engine.client.start(container)
            engine.client.wait(container, condition="removed", timeout=_LIMIT_S)
        except BaseException:
            engine.client.remove_container(container, force=True, v=True)
            raise
        found = directory / "floor.json"
        if not found.exists():
            raise RuntimeError(f"no floor was found: {Path(plan.paths.log(1, 'runner')).read_text()[-2000:]}")
        return Floor(**json.loads(found.read_text()))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
