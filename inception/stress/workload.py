"""Runs work and measurements inside a chain: in a level by `docker exec`, in its engine by the API."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from statistics import median

import docker

from inception.engine.translate import one_line
from inception.level.engine.client import ENGINE_GONE, connect_level
from inception.plan.chain import ChainPlan
from inception.plan.light_dataclasses import dataclass
from inception.plan.protocol import Program
from inception.stress.chaos import Kill, Target
from inception.stress.report.codec import from_json
from inception.stress.report.record import ChurnRecord, LevelMeasure

CLIENTS = 4
"""Clients that start containers at the bottom at the same time."""
PINGS = 5
"""Round trips of which the median is taken."""
LABEL_STRESS = "inception.stress"
_KILL = 'kill -KILL "$0"'
_MOST_ERRORS = 5


class ExecError(Exception):
    """Raised where a command in a level could not be run, or failed."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """Level `number` of the running chain of `plan`; `host` is a client of the level-0 engine."""

    host: docker.APIClient
    plan: ChainPlan
    number: int

    @property
    def container(self) -> str:
        """Name of this level's container."""
        return self.plan.level(self.number).container

    def client(self) -> docker.APIClient:
        """Return a new client of this level's engine."""
        return connect_level(self.plan, self.number)

    def output(self, *command: str) -> str:
        """Run `command` in this level and return its standard output. Raises ExecError and the SDK's errors."""
        with ExitStack() as stack:
            # The engine above runs it: one hop, whatever the depth.
            above = self.host
            if self.number > 1:
                above = stack.enter_context(connect_level(self.plan, self.number - 1))
            created = above.exec_create(
                self.container, list(command), environment={"PYTHONPATH": str(self.plan.paths.payload)}
            )["Id"]
            out, errors = above.exec_start(created, demux=True)
            status = above.exec_inspect(created)["ExitCode"]
        if status != 0:
            # The engine writes the reason for a command that it could not start to standard output.
            reason = one_line((errors or out or b"").decode(errors="replace"))
            raise ExecError(f"{command[0]} in level {self.number} ended with {status}: {reason}")
        return (out or b"").decode()

    def measure(self) -> LevelMeasure:
        """Measure this level. Raises ExecError, ValueError and the SDK's errors."""
        return from_json(LevelMeasure, self.output("python3", "-m", Program.MEASURE))

    def reach_level_0(self) -> None:
        """Send a packet through all levels above. No answer is no error: a firewall may drop it.

        Raises ExecError if the packet's TTL expired on the way, and the SDK's errors.
        """
        networks = self.host.inspect_container(self.plan.level(1).container)["NetworkSettings"]["Networks"]
        gateway = next((it["Gateway"] for it in networks.values() if it["Gateway"]), None)
        if gateway is None:
            return  # This engine does not show its gateway.
        if lost := self.output("python3", "-m", Program.TTL_PROBE, gateway).strip():
            raise ExecError(f"a packet from level {self.number} does not reach level 0: {lost}")

    def ping_s(self) -> float:
        """Return the seconds of a ping of this level's engine, on an open connection."""
        with self.client() as client:
            client.ping()
            return median(_timed(client.ping) for _ in range(PINGS))

    def run_s(self) -> float:
        """Return the seconds that this level's engine takes to create, run and remove a container."""
        with self.client() as client:
            return _timed(lambda: run_container(client, self.image))

    @property
    def image(self) -> str:
        """Tag of the image that this level's engine was given."""
        return self.plan.seed_of(self.number).image

    def find(self, target: Target) -> int | None:
        """Return the process id, in this level, of `target`; None if there is no such process."""
        name = "containerd-shim" if target is Target.SHIM else target.value
        return next((it.pid for it in self.measure().processes if it.name == name), None)


def _timed(act: Callable[[], object]) -> float:
    begun_s = time.monotonic()
    act()
    return time.monotonic() - begun_s


def run_container(
    client: docker.APIClient, image: str, command: Sequence[str] = ("true",), *, terminal: bool = False
) -> None:
    """Create, start, await and remove a container. Raises ExecError if it fails, and the SDK's errors."""
    # Without a network: the engine is to be measured, not iptables.
    container = client.create_container(
        image,
        list(command),
        entrypoint=[],
        tty=terminal,
        labels={LABEL_STRESS: ""},
        host_config=client.create_host_config(network_mode="none"),
    )["Id"]
    try:
        client.start(container)
        if (status := client.wait(container)["StatusCode"]) != 0:
            raise ExecError(f"{command[0]} in a container ended with {status}")
    finally:
        client.remove_container(container, v=True, force=True)


def churn(level: Level, containers: int, on_ended: Callable[[int], None]) -> ChurnRecord:
    """Run `containers` short containers in the engine of `level`, from CLIENTS clients at once; errors are recorded.

    `on_ended` takes the number of those that have ended, in this thread.
    """
    clients = min(CLIENTS, containers)
    seconds: list[float] = []
    errors: list[str] = []
    local = threading.local()

    def one(number: int) -> None:
        if not hasattr(local, "client"):
            local.client = level.client()
        try:
            # Half of them with a terminal: they take ptys.
            seconds.append(_timed(lambda: run_container(local.client, level.image, terminal=number % 2 == 0)))
        except (*ENGINE_GONE, ExecError) as error:
            errors.append(" ".join(str(error).split()))

    begun_s = time.monotonic()
    with ThreadPoolExecutor(clients, thread_name_prefix="churn") as pool:
        for ended, _ in enumerate(pool.map(one, range(containers)), start=1):
            on_ended(ended)
    return ChurnRecord(
        clients=clients,
        containers=containers,
        seconds=time.monotonic() - begun_s,
        run_s=tuple(seconds),
        errors=tuple(errors[:_MOST_ERRORS]),
    )


class ProcessKiller:
    """Waits for the trigger of a kill and kills, in its own thread. `pid` is the killed process, if there was one."""

    def __init__(self, kill: Kill, level: Level) -> None:
        self.kill = kill
        self.pid: int | None = None
        self.killed_s: float | None = None
        self._level = level
        self._thread = threading.Thread(target=self._kill_target, name="chaos", daemon=True)

    def on_ready(self, number: int) -> None:
        """Start the kill if level `number`, which is ready, triggers it."""
        if number == self.kill.trigger:
            self._thread.start()

    def _kill_target(self) -> None:
        time.sleep(self.kill.delay_s)
        # The kill can cut the connection that it came through, and has happened all the same.
        with suppress(*ENGINE_GONE, ExecError, ValueError):
            found = self._level.find(self.kill.target)
            self.killed_s = time.monotonic()
            self.pid = found
            if found is not None:
                self._level.output("sh", "-c", _KILL, str(found))

    def join(self, timeout_s: float) -> None:
        """Wait until the kill has happened, if it was triggered."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
