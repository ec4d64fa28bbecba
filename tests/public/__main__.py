"""Run public test suites on the level-0 engine and on levels of a chain; fail if their outcomes differ."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from inception.api import descend
from inception.chain.level_clients import Levels
from inception.engine.connect import Engine, connect_to
from tests.public.fetch import CACHE, fetch
from tests.public.outcome import Difference, Outcome, Trial, compare, count, tried_again
from tests.public.suite import Suite, read_suite, suite_names
from tests.public.trial import Place, run_suite


def main() -> int:
    """Return 1 if a test ended differently on two engines and their versions do not explain it."""
    parser = argparse.ArgumentParser(prog="make test-public", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(suite_names())}; by default all")
    parser.add_argument("--depth", type=int, default=4, help="of the chain; the suites run at its bottom")
    parser.add_argument("--levels", type=int, nargs="*", default=[0, 1], help="other levels to run them at")
    # The suites prune: nobody's own engine should lose what it holds.
    parser.add_argument("--engine", default="private", help="level 0, as for inception; the suites PRUNE what it holds")
    arguments = parser.parse_args()
    for name in arguments.suites:
        if name not in suite_names():
            parser.error(f"no suite {name}: there are {', '.join(suite_names())}")
    levels = sorted({*arguments.levels, arguments.depth})
    if not 0 <= levels[0] <= levels[-1] <= arguments.depth:
        parser.error(f"--levels are from 0 to {arguments.depth}")
    faults = 0
    with (
        connect_to(arguments.engine, _say) as engine,
        _stock_logs() as settings,
        descend(arguments.depth, engine=engine.endpoint, daemon_json=[settings], on_message=_say) as chain,
    ):
        places = [_place(engine, chain, level) for level in levels]
        for suite in map(read_suite, arguments.suites or suite_names()):
            faults += _run(places, suite)
    return 1 if faults else 0


@contextmanager
def _stock_logs() -> Iterator[str]:
    """Give a daemon.json whose own log driver takes the place of our limits: level 0 has none, and a suite looks."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"log-driver": "json-file"}, file)
        file.flush()
        yield file.name


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _place(engine: Engine, chain: Levels, level: int) -> Place:
    if level == 0:
        return Place(level=0, client=engine.client, socket=engine.endpoint.removeprefix("unix://"))
    return Place(level=level, client=chain[level].api, socket="/run/docker.sock")


def _run(places: list[Place], suite: Suite) -> int:
    """Run one suite at all places, print what came out and return the number of faults."""
    for place in places:
        _log(suite, place).unlink(missing_ok=True)
    trials = _try(places, suite)
    differing = tuple(it.test for it in compare(suite, trials) if it.cause is None)
    if differing:
        # These suites have races of their own, which a second try with fewer tests mostly settles.
        again = _try(places, replace(suite, tests=differing))
        trials = [tried_again(first, second) for first, second in zip(trials, again, strict=True)]
    differences = compare(suite, trials)
    _print(suite, trials, differing, differences)
    return sum(it.cause is None for it in differences) + len({name for it in trials for name in it.unknown})


def _try(places: list[Place], suite: Suite) -> list[Trial]:
    _say(f"{suite.source}, {' '.join(suite.tests)}, at level {', '.join(str(place.level) for place in places)}")
    fetched = fetch(suite)
    with ThreadPoolExecutor(len(places)) as pool:
        return list(pool.map(lambda place: run_suite(place, suite, fetched, _log(suite, place)), places))


def _log(suite: Suite, place: Place) -> Path:
    return CACHE / f"{suite.name}-level-{place.level}.log"


def _print(suite: Suite, trials: list[Trial], again: tuple[str, ...], differences: list[Difference]) -> None:
    print(f"\n{suite.source}: {len(suite.left_out)} tests or files left out, {len(again)} tests tried again")
    shown = [outcome for outcome in Outcome if outcome is not Outcome.MISSING]
    print(f"{'level':>5}  {'Docker':<14}" + "".join(f"{outcome:>9}" for outcome in shown) + f"{'seconds':>9}")
    for trial in trials:
        counts = count(trial)
        numbers = "".join(f"{counts[outcome]:>9}" for outcome in shown)
        print(f"{trial.level:>5}  {trial.version:<14}{numbers}{trial.seconds:>9.0f}")
    for name in sorted({name for trial in trials for name in trial.unknown}):
        print(f"  {name} is to be left out, and is no test")
    for name in again:
        print(f"  tried again: {name}: {suite.races.get(name, 'its race is not known')}")
    for it in differences:
        print(f"  {it.test}: {it.cause or 'DIFFERS'}")
        for trial, result in zip(trials, it.results, strict=True):
            print(f"    level {trial.level}: {result.outcome:<8} {result.why}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
