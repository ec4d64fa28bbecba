"""`python -m tests.bench.plugin`: fifty small Docker tests with the pytest plugin, a chain each, and dind each."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from inception.chain.prepare import prepare
from inception.engine.connect import EngineChoice, connect
from inception.image.recipe import default_tag
from inception.image.standalone import ensure_standalone
from inception.plan.request import Request

SUITE = Path(__file__).with_name("docker_suite")
WAYS = {
    "reset": "one engine, reset after each test",
    "chain": "a new chain for each test",
    "dind": "docker run of a dind for each test",
}


@dataclass(frozen=True, kw_only=True)
class Course:
    """One run of the suite, in seconds: the whole, and the median of each part of a test."""

    tests: int
    whole_s: float
    setup_s: float
    call_s: float
    teardown_s: float


def run_suite(way: str, address: str, turns: int) -> Course:
    """Run the tests, five a turn, in a pytest of their own; dind's Docker CLI finds the engine at `address`."""
    with tempfile.TemporaryDirectory() as directory:
        durations = Path(directory, "durations.json")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(SUITE)]
        begun_s = time.monotonic()
        subprocess.run(
            [*command, f"--way={way}", f"--turns={turns}", f"--durations-to={durations}", "--durations=1"],
            check=True,
            stdout=sys.stderr,
            env={**os.environ, **({"DOCKER_HOST": address} if way == "dind" else {})},
        )
        whole_s = time.monotonic() - begun_s
        parts = json.loads(durations.read_text())
    medians = {f"{name}_s": median(values) for name, values in parts.items()}
    return Course(tests=len(parts["call"]), whole_s=whole_s, **medians)


def print_table(courses: dict[str, Course]) -> None:
    """The times side by side."""
    print(f"{'way':<36} {'tests':>5} {'whole':>9} {'a test':>8} {'setup':>8} {'call':>8} {'teardown':>8}")
    for way, it in courses.items():
        times = f"{it.whole_s / it.tests:>6.2f} s {it.setup_s:>6.2f} s {it.call_s:>6.2f} s {it.teardown_s:>6.2f} s"
        print(f"{WAYS[way]:<36} {it.tests:>5} {it.whole_s:>7.1f} s {times}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10, help="five tests each")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    options = parser.parse_args()
    with connect(EngineChoice.AUTO, on_message=print) as engine:
        plan = prepare(engine, Request(depth=1, name="bench-plugin", image=default_tag()), print)
        ensure_standalone(engine.client, plan.seed_of(1).engine_image_id, on_message=print)
        print_table({way: run_suite(way, engine.endpoint, options.turns) for way in options.ways})


if __name__ == "__main__":
    main()
