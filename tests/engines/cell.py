"""One cell of the table: a chain with one engine inside, on one outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from inception.engine.connect import Engine
from inception.places import run_root
from inception.plan.events import Event, Phase, State
from inception.stress.inventory import Inventory, diff, settled
from tests.engines.engine import ADDRESS
from tests.engines.kinds import Inside
from tests.engines.level_images import NoLevelImage, level_image, put_on_engine
from tests.integration.container_output import lingering

DEPTH = 3
_NAME = "cell"
_LIMIT_S = 180
_INCEPTION = Path(sys.executable).with_name("inception")
_LOADED = "loading it instead"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Result of one chain, tried with the checkout's `commit`.

    `level_s` is the median of the levels' seconds, `cause` why the cell is not green.
    """

    outside: str
    inside: str
    level_s: float | None = None
    transfer: str = ""
    cause: str = ""
    commit: str = ""

    @property
    def green(self) -> bool:
        """Whether all went well."""
        return not self.cause

    def __str__(self) -> str:
        """The cell in the table: its cause has a line of its own below."""
        return f"{self.level_s:.2f} s {self.transfer}" if self.green and self.level_s is not None else "FAILED"


class StepFailed(Exception):
    """Error: a step of the cell did not do what it should; the message says which, and what came instead."""


def try_cell(engine: Engine, outside: str, inside: Inside, say: Callable[[str], None]) -> Cell:
    """Descend, use the bottom, grow, unwind and compare the host before and after; a failure is the cell's cause."""
    try:
        image = level_image(inside.suite)
        put_on_engine(engine.client, image)
        # The seed stays: it is made before the host is compared.
        _inception("--depth", "1", "--name", _NAME, *_choice(inside, image.tag), "--", "true")
        before = Inventory.take(engine)
        try:
            level_s, transfer = _use_chain(inside, image.tag)
        finally:
            subprocess.run((_INCEPTION, "kick", "--all"), capture_output=True, check=False)
        _expect_nothing_left(diff(before, settled(before, engine)))
    except (NoLevelImage, StepFailed, subprocess.TimeoutExpired) as error:
        say(f"{outside}, {inside.name}: {error}")
        return Cell(outside=outside, inside=inside.name, cause=" ".join(str(error).split()))
    say(f"{outside}, {inside.name}: {level_s:.2f} s a level")
    return Cell(outside=outside, inside=inside.name, level_s=level_s, transfer=transfer)


def _choice(inside: Inside, image: str) -> tuple[str, ...]:
    return "--image", image, "--image-store", inside.store.value


def _use_chain(inside: Inside, image: str) -> tuple[float, str]:
    """Return the seconds of a level, and how the levels got the image. Raises StepFailed."""
    _, told = _inception("up", "--depth", str(DEPTH), "--name", _NAME, *_choice(inside, image))
    transfer = "loaded" if _LOADED in told else "grafted"
    level_s = _level_s()
    facts = '{"version": "{{.ServerVersion}}", "driver": "{{.Driver}}"}'
    bottom = json.loads(_exec("docker", "info", "--format", facts))
    driver = {"overlay2": "overlay2", "containerd": "overlayfs"}[inside.store.value]
    _expect(f"engine at level {DEPTH}", f"{bottom['version']} {bottom['driver']}", inside.version, driver)
    _expect("container at the bottom", _exec(*_container("echo", "bottom")), "bottom")
    _, told = _inception("grow", _NAME)
    _expect("hostname after growing", _exec("hostname"), f"{_NAME}-{DEPTH + 1}")
    _expect("container after growing", _exec(*_container("echo", "deeper")), "deeper")
    _inception("down", _NAME)
    return level_s, transfer


def _container(*command: str) -> tuple[str, ...]:
    return "sh", "-c", 'docker run --rm "$INCEPTION_IMAGE" "$@"', "sh", *lingering(*command)


def _expect_nothing_left(differences: Sequence[str]) -> None:
    if differences:
        raise StepFailed("; ".join(differences))


def _expect(what: str, found: str, *parts: str) -> None:
    if not all(part in found for part in parts):
        raise StepFailed(f"{what}: {found!r}, not {' '.join(parts)}")


def _exec(*command: str) -> str:
    output, _ = _inception("exec", _NAME, "--", *command)
    return output.strip()


def _inception(*arguments: str) -> tuple[str, str]:
    """Return what `inception ARGUMENTS` wrote to standard output and error. Raises StepFailed if it fails."""
    done = subprocess.run(
        (_INCEPTION, *arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "DOCKER_HOST": ADDRESS},
        timeout=_LIMIT_S,
        check=False,
    )
    if done.returncode != 0:
        raise StepFailed(f"inception {' '.join(arguments)}: {done.stderr.strip() or f'status {done.returncode}'}")
    return done.stdout, done.stderr


def _level_s() -> float:
    """Return the median of the time from one level's answer to the next one's."""
    events = map(Event.from_line, (run_root() / _NAME / "events.jsonl").read_text().splitlines())
    ready = [it.monotonic_s for it in events if it.phase is Phase.READY and it.state is State.END]
    return median(after - before for before, after in pairwise(ready))
