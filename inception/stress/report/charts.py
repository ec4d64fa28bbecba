"""Makes the charts of a report from what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from inception.plan.events import Phase
from inception.plan.formats.size import show_size
from inception.stress.report.costs import COSTS, by_level, median_or_none
from inception.stress.report.record import ChainRecord, LevelRecord, Report, SoakSample
from inception.stress.report.svg import Axis, Chart, Curve, Series, lines, power_laws, stacked_bars

RUNNER = "runner"
"""Time from the container's start to the runner's first instruction, and between its phases: Python, above all."""
PHASES = (Phase.CREATE, Phase.START, RUNNER, Phase.PREPARE, Phase.IMAGE, Phase.CONTAINERD, Phase.DOCKERD, Phase.VERIFY)
PROCESSES = ("dockerd", "containerd", "containerd-shim", "runner", "tini", "docker-proxy")


def show_seconds(value: float) -> str:
    """Return seconds as people read them: 1.2 s, 340 ms, 0."""
    if value == 0:
        return "0"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.3g} ms"


def axis_seconds(value: float) -> str:
    """Return seconds for an axis, without trailing zeros."""
    return f"{value:g} s" if value >= 1 else show_seconds(value)


def axis_bytes(value: float) -> str:
    """Return a size for an axis, without trailing zeros."""
    if value == 0:
        return "0"
    number, unit = show_size(round(value)).split()
    return f"{float(number):g} {unit}"


def _share(value: float) -> str:
    return f"{value:g}×"  # noqa: RUF001 the sign of multiplication


LEVEL = Axis(title="level", show=lambda value: f"{value:g}")
CYCLE = Axis(title="cycle", show=lambda value: f"{value:g}")


def charts(report: Report) -> tuple[Chart, ...]:
    """Return each chart for which the report has the numbers, the most important first."""
    return tuple(
        chart
        for chart in (
            _phases(report),
            _fit(report),
            _memory(report),
            _disk(report),
            _round_trips(report),
            _cycles(report),
            _soak(report),
        )
        if chart is not None
    )


def phase_seconds(level: LevelRecord) -> dict[str, float]:
    """Return the seconds of each phase of a level until it was ready; the rest counts for the runner."""
    took = {span.phase: span.seconds or 0.0 for span in level.spans if span.phase not in {Phase.READY, Phase.UNWIND}}
    inside = took.get(Phase.IMAGE, 0.0)
    if any(_encloses_image(level)):
        took[Phase.CONTAINERD] = max(0.0, took.get(Phase.CONTAINERD, 0.0) - inside)
    rest = (level.ready_s or 0.0) - sum(took.values())
    return {**took, RUNNER: max(0.0, rest)}


def _encloses_image(level: LevelRecord) -> Iterator[bool]:
    """Yield for each phase of containerd whether the image was grafted within it."""
    image = [span for span in level.spans if span.phase == Phase.IMAGE]
    for outer in (span for span in level.spans if span.phase == Phase.CONTAINERD):
        end_s = outer.begun_s + (outer.seconds or 0.0)
        yield any(outer.begun_s <= span.begun_s <= end_s for span in image)


def _levels(report: Report) -> dict[int, list[LevelRecord]]:
    found: dict[int, list[LevelRecord]] = {}
    for chain in report.chains:
        for level in chain.levels:
            if level.ready_s is not None:
                found.setdefault(level.number, []).append(level)
    return {number: found[number] for number in sorted(found)}


def _phases(report: Report) -> Chart | None:
    levels = _levels(report)
    if not levels:
        return None
    took = {number: [phase_seconds(level) for level in group] for number, group in levels.items()}
    series = tuple(
        Series(
            name=str(phase),
            values=tuple(median(it.get(phase, 0.0) for it in group) for group in took.values()),
        )
        for phase in PHASES
    )
    marks = stacked_bars(
        positions=list(levels), series=series, across=LEVEL, up=Axis(title="time until ready", show=axis_seconds)
    )
    note = "From the creation of each level until its engine answers; medians over all chains."
    return Chart(name="phases", title="Time a level, by phase", note=note, marks=marks)


def _measured(report: Report) -> list[int]:
    return [number for number, group in _levels(report).items() if any(it.measure for it in group)]


def _memory(report: Report) -> Chart | None:
    numbers = _measured(report)
    if not numbers:
        return None
    levels = _levels(report)

    def middle(number: int, process: str) -> float:
        return median(
            float(sum(it.pss for it in level.measure.processes if it.name == process))
            for level in levels[number]
            if level.measure
        )

    series = tuple(
        Series(name=process, values=tuple(middle(number, process) for number in numbers)) for process in PROCESSES
    )
    used = tuple(it for it in series if any(it.values))
    marks = stacked_bars(positions=numbers, series=used, across=LEVEL, up=Axis(title="memory (PSS)", show=axis_bytes))
    note = "Memory of each level's own processes; pages that levels share are counted in parts."
    return Chart(name="memory", title="Memory a level, by process", note=note, marks=marks)


def _disk(report: Report) -> Chart | None:
    cost = next(it for it in COSTS if it.name == "disk")
    points = by_level(report.chains, cost)
    if not points:
        return None
    series = Series(name="data-root", values=tuple(points.values()))
    marks = stacked_bars(positions=list(points), series=(series,), across=LEVEL, up=Axis(title="disk", show=axis_bytes))
    note = "Size of each level's data-root, without the grafted image and without deeper levels."
    return Chart(name="disk", title="Disk a level", note=note, marks=marks)


def _fit(report: Report) -> Chart | None:
    curves = []
    for cost in COSTS:
        fit = report.fits.get(cost.name)
        points = by_level(report.chains, cost)
        if fit is None or cost.name == "disk" or not points:
            continue
        unit = fit.at(min(points))
        curves.append(
            Curve(
                name=cost.title,
                points=tuple((float(depth), value / unit) for depth, value in points.items() if value > 0),
                exponent=fit.exponent,
                coefficient=fit.coefficient / unit,
            )
        )
    if not curves:
        return None
    marks = power_laws(curves=curves, across=LEVEL, up=Axis(title="against level 1", show=_share))
    note = "Logarithmic scales: a level line is a cost that depth does not change, one with slope 1 grows like depth."
    return Chart(name="fit", title="How costs grow with depth", note=note, marks=marks)


def _round_trips(report: Report) -> Chart | None:
    points = {cost.name: by_level(report.chains, cost) for cost in COSTS if cost.name in {"api_s", "run_s"}}
    runs = points["run_s"]
    if not runs:
        return None
    marks = lines(
        positions=list(runs),
        series=(Series(name="from create to remove", values=tuple(runs.values())),),
        across=LEVEL,
        up=Axis(title="round trip", show=axis_seconds),
    )
    pings = median(points["api_s"].values()) if points["api_s"] else 0.0
    note = f"By each level's own engine. An answer of its API takes {show_seconds(pings)} (median)."
    return Chart(name="round-trips", title="A container at each level", note=note, marks=marks)


def _median_ready_s(chains: tuple[ChainRecord, ...]) -> float | None:
    return median_or_none(level.ready_s for chain in chains for level in chain.levels if level.ready_s is not None)


def _median_ascent_s(chains: tuple[ChainRecord, ...]) -> float | None:
    return median_or_none(
        chain.ascent_s / chain.depth_reached for chain in chains if chain.ascent_s and chain.depth_reached
    )


def _cycles(report: Report) -> Chart | None:
    if len(report.cycles) < 2:  # noqa: PLR2004 one point is no line
        return None
    marks = lines(
        positions=[cycle.number for cycle in report.cycles],
        series=(
            Series(name="time a level", values=tuple(_median_ready_s(cycle.chains) for cycle in report.cycles)),
            Series(name="unwinding a level", values=tuple(_median_ascent_s(cycle.chains) for cycle in report.cycles)),
        ),
        across=CYCLE,
        up=Axis(title="median", show=axis_seconds),
        alarms=[(cycle.number, "left behind: " + ", ".join(cycle.leaks)) for cycle in report.cycles if cycle.leaks],
    )
    note = "A cycle that left something behind on the host is ringed."
    return Chart(name="cycles", title="From cycle to cycle", note=note, marks=marks)


def _soak(report: Report) -> Chart | None:
    samples = [sample for chain in report.chains for sample in chain.soak]
    if not samples:
        return None
    width_s = max(1.0, max(sample.at_s for sample in samples) / 60)
    bins: dict[int, list[SoakSample]] = {}
    for sample in samples:
        bins.setdefault(int(sample.at_s / width_s), []).append(sample)
    numbers = sorted(bins)
    marks = lines(
        positions=[round(number * width_s) for number in numbers],
        series=(
            Series(name="a container", values=tuple(median(it.run_s for it in bins[number]) for number in numbers)),
        ),
        across=Axis(title="second", show=lambda value: f"{value:g}"),
        up=Axis(title="round trip", show=axis_seconds),
    )
    note = "A container in every level, over and over, while the chain is held: medians over all levels."
    return Chart(name="soak", title="Soak", note=note, marks=marks)
