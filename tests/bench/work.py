"""`python -m tests.bench.work`: what a user's container feels at level 0 and deep below, in one run; a table.

The same container, of the level image, does the same work in the engine of each level. The network is measured in a
second chain, too, whose levels share one.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from statistics import median

import docker

from inception.chain.prepare import prepare
from inception.chain.running import running
from inception.engine.connect import Engine, EngineChoice, connect
from inception.level.engine.client import connect_level
from inception.plan.request import NetworkMode
from tests.bench.ours import make_request

_PORT = 5201
_STARTS = 5
_STEPS = 10
_PROGRAM = (files("tests.bench") / "work_inside.py").read_text()
Measure = Callable[[docker.APIClient, str, str], dict[str, float]]
"""Takes a client of an engine, an image and the address of the server; returns figures by name and unit."""


@contextmanager
def server(client: docker.APIClient, image: str) -> Iterator[str]:
    """Run the other end of the network in the engine of `client`; give its address."""
    command = ["python3", "-u", "-c", _PROGRAM, "--serve", str(_PORT)]
    created = client.create_container(image, command, entrypoint="", name="bench-work-server")["Id"]
    try:
        client.start(created)
        next(client.logs(created, stream=True))
        yield client.inspect_container(created)["NetworkSettings"]["IPAddress"]
    finally:
        client.remove_container(created, force=True, v=True)


def run_once(client: docker.APIClient, image: str, *command: str) -> tuple[float, str]:
    """Run a container to its end; return the seconds from its creation on, and its output. Raises RuntimeError."""
    begun_s = time.monotonic()
    created = client.create_container(image, list(command), entrypoint="")["Id"]
    try:
        client.start(created)
        status = client.wait(created)["StatusCode"]
        took_s = time.monotonic() - begun_s
        output = client.logs(created).decode()
        if status != 0:
            raise RuntimeError(f"{command[0]} ended with {status}: {output}")
        return took_s, output
    finally:
        client.remove_container(created, force=True, v=True)


def build(client: docker.APIClient, image: str) -> float:
    """Return the seconds that a build of _STEPS steps takes. Raises RuntimeError."""
    recipe = "".join([f"FROM {image}\n", *(f"RUN echo {number} >/step\n" for number in range(_STEPS))])
    begun_s = time.monotonic()
    for message in client.build(fileobj=io.BytesIO(recipe.encode()), tag="bench-work", nocache=True, decode=True):
        if "error" in message:
            raise RuntimeError(message["error"])
    took_s = time.monotonic() - begun_s
    client.remove_image("bench-work")
    return took_s


def measure(client: docker.APIClient, image: str, address: str) -> dict[str, float]:
    """Return the figures of one engine, by name and unit; less is better of each."""
    run_once(client, image, "true")
    starts = [run_once(client, image, "true")[0] for _ in range(_STARTS)]
    inside = run_inside(client, image, address)
    return {"docker run, s": median(starts), f"build of {_STEPS} steps, s": build(client, image), **inside}


def run_inside(client: docker.APIClient, image: str, *arguments: str) -> dict[str, float]:
    """Return the figures that the program inside prints. Raises RuntimeError."""
    output = run_once(client, image, "python3", "-c", _PROGRAM, *arguments, str(_PORT))[1]
    figures: dict[str, float] = json.loads(output.splitlines()[-1])
    return figures


def measure_network(client: docker.APIClient, image: str, address: str) -> dict[str, float]:
    """Return the figures of the network of one engine. Raises RuntimeError."""
    return run_inside(client, image, "--network", address)


def print_table(found: dict[int, dict[str, float]]) -> None:
    """Print a table in Markdown: one row a figure, and each level's ratio to level 0."""
    levels = sorted(found)
    print("| work of a container | " + " | ".join(f"level {level}" for level in levels) + " |")
    print("| --- |" + " --- |" * len(levels))
    for name, least in found[levels[0]].items():
        deeper = (f" {_digits(found[level][name])} ({found[level][name] / least:.2f} times) |" for level in levels[1:])
        print(f"| {name} | {_digits(least)} |" + "".join(deeper))


def _digits(value: float) -> str:
    """Return `value` to three digits, and to whole numbers from a thousand on, never as a power of ten."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def main() -> None:
    """Measure level 0 and the levels asked for in one chain, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.work", description=__doc__)
    parser.add_argument("--levels", type=int, nargs="+", default=[16])
    levels: list[int] = parser.parse_args().levels

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    def measure_levels(engine: Engine, mode: NetworkMode, of: Measure) -> dict[int, dict[str, float]]:
        """Return the figures of level 0 and of each level, in a chain with that network."""
        plan = prepare(engine, replace(make_request(max(levels), "work"), network=mode), say)
        image = plan.level(1).image
        with running(engine.client, plan, lambda _: None), server(engine.client, image) as address:
            found = {0: of(engine.client, image, address)}
            for level in levels:
                with connect_level(plan, level) as client:
                    found[level] = of(client, plan.seed_of(level).image, address)
        return found

    with connect(EngineChoice.AUTO, on_message=say) as engine:
        found = measure_levels(engine, NetworkMode.BRIDGE, measure)
        for level, figures in measure_levels(engine, NetworkMode.HOST, measure_network).items():
            found[level] |= {f"{name}, --network host": figure for name, figure in figures.items()}
    print_table(found)


if __name__ == "__main__":
    main()
