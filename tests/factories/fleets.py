"""Made-up reports of the machines of a fleet."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from inception.stress.report.files import REPORT
from inception.stress.report.record import ChainRecord, Report
from tests.factories.stress_reports import ENVIRONMENT, WALL, chain, cycle, level, report

SLOW_KERNEL = "6.1.0"
OLD_ENGINE = "20.10.24"


def machine_report(
    *,
    depth: int = 8,
    speed: float = 1.0,
    memory: float = 1.0,
    wall_at: int | None = None,
    leaks: tuple[str, ...] = (),
    cycles: int = 2,
    noise: random.Random | None = None,
    **environment: str | int,
) -> Report:
    """Return the report of one machine; a level takes 0.9 s times `speed`, give or take what `noise` adds."""
    made = [
        cycle(
            number,
            _chain(number, depth=depth, speed=speed, memory=memory, wall_at=wall_at, noise=noise),
            leaks=leaks if number == 1 else (),
        )
        for number in range(1, cycles + 1)
    ]
    return replace(report(*made, depth=depth), environment=replace(ENVIRONMENT, **environment))  # type: ignore[arg-type]


def _chain(
    number: int, *, depth: int, speed: float, memory: float, wall_at: int | None, noise: random.Random | None
) -> ChainRecord:
    levels = []
    for at in range(1, (depth if wall_at is None else wall_at - 1) + 1):
        factor = 1.0 if noise is None else noise.gauss(1, 0.04)
        made = level(at, begun_s=at - 1.0, unwind_s=0.2, ready_s=0.9 * speed * factor * (1 + at / 100))
        assert made.measure
        processes = tuple(replace(it, pss=round(it.pss * memory * factor)) for it in made.measure.processes)
        levels.append(replace(made, run_s=0.3 * speed * factor, measure=replace(made.measure, processes=processes)))
    wall = None if wall_at is None else replace(WALL, level=wall_at)
    return replace(chain(f"dream-{number}", depth), depth_reached=len(levels), levels=tuple(levels), wall=wall)


def fleet_reports(count: int, seed: int = 1) -> dict[str, Report]:
    """Return the reports of `count` machines, the same for a seed.

    SLOW_KERNEL takes 1.6 times as long; OLD_ENGINE comes 5 deep only; one machine in a hundred is four times as slow,
    one in fifty leaves something behind.
    """
    chance = random.Random(seed)  # noqa: S311 the same machines for a seed
    made = {}
    for number in range(count):
        kernel = chance.choice(("6.12.0", "6.12.0", SLOW_KERNEL, "6.18.2"))
        engine = chance.choice(("26.1.5", "26.1.5", "28.5.2", OLD_ENGINE))
        slow = 1.6 if kernel == SLOW_KERNEL else 1.0
        made[f"node-{number:04}"] = machine_report(
            speed=slow * (4 if number % 100 == 17 else 1) * chance.gauss(1, 0.03),
            memory=chance.gauss(1, 0.03),
            wall_at=6 if engine == OLD_ENGINE else None,
            leaks=("mount /left",) if number % 50 == 33 else (),
            noise=chance,
            kernel=kernel,
            engine_version=engine,
            cgroup_version=1 if kernel == SLOW_KERNEL else 2,
            cpus=chance.choice((2, 4, 8)),
        )
    return made


def write_machines(reports: dict[str, Report], directory: Path) -> Path:
    """Write each report.json to a directory of its machine's name, and return `directory`."""
    for name, made in reports.items():
        (directory / name).mkdir(parents=True)
        (directory / name / REPORT).write_text(made.to_json())
    return directory
