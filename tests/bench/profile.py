"""`python -m tests.bench.profile`, as root: where a level's time goes, as one table.

A chain goes down twice: the first time undisturbed, for the seconds of each phase, the second time under strace(1), for
what is counted: the programs that run and the writes that are synced. Tracing takes time itself, so its seconds only
compare programs with one another.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath

from inception.chain.running import RunningChain
from inception.engine.connect import Engine, EngineChoice, connect
from inception.probe.daemon import find_daemon
from inception.stress.workload import Level
from tests.bench.ours import Descent, descend, make_request

_LINE = re.compile(r"^(?P<task>\d+) +(?P<time>[\d.]+) (?P<call>.*)$")
_EXEC = re.compile(r'^execve\("(?P<program>[^"]+)", \["(?P<name>[^"]*)"')
_SYNC = re.compile(r"^f(?:data)?sync\(\d+<(?P<path>[^>]*)>")
_ID = re.compile(r"[0-9a-f]{12,}")
_TRACED = "execve,exit_group,fsync,fdatasync"
_SHOWN = 12
RUNNER = "inception.level.runner"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One program that ran: its name, and its seconds until it ended or became another."""

    name: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Trace:
    """All that was traced: programs that ended, and the files whose writes were synced."""

    runs: tuple[Run, ...]
    synced: tuple[str, ...]


def parse_trace(lines: Iterable[str]) -> Trace:
    """Return what `strace -f -ttt -y` wrote of _TRACED. Calls that failed, and programs still running, are left out."""
    running: dict[str, tuple[str, float]] = {}
    runs, synced = [], []
    for line in lines:
        if (found := _LINE.match(line)) is None:
            continue
        task, moment_s, call = found["task"], float(found["time"]), found["call"]
        if (began := _EXEC.match(call)) is not None:
            if not call.rstrip().endswith("= 0"):
                continue
            if task in running:
                runs.append(_ended(running[task], moment_s))
            running[task] = PurePath(began["name"]).name, moment_s
        elif call.startswith(("exit_group", "+++")) and task in running:
            runs.append(_ended(running.pop(task), moment_s))
        elif (sync := _SYNC.match(call)) is not None:
            synced.append(_ID.sub("ID", sync["path"]))
    return Trace(runs=tuple(runs), synced=tuple(synced))


def _ended(began: tuple[str, float], moment_s: float) -> Run:
    return Run(name=began[0], seconds=moment_s - began[1])


def daemons_of(dockerd: int) -> list[int]:
    """Return the processes of dockerd and of the containerd in its mount namespace."""

    def namespace(process: int) -> str:
        return str(Path(f"/proc/{process}/ns/mnt").readlink())

    found = [int(it.parent.name) for it in Path("/proc").glob("[0-9]*/comm") if it.read_text() == "containerd\n"]
    return [dockerd, *(it for it in found if namespace(it) == namespace(dockerd))]


@contextmanager
def traced(engine: Engine, output: Path) -> Iterator[None]:
    """Trace the engine's daemons and all that they start. Raises RuntimeError if they cannot be traced from here."""
    dockerd = find_daemon(engine.endpoint, engine.client.info())
    if dockerd is None:
        raise RuntimeError("the level-0 engine is not on this machine")
    chosen = [word for process in daemons_of(dockerd) for word in ("-p", str(process))]
    command = ("strace", "-f", "-ttt", "-y", "-s", "300", "-e", f"trace={_TRACED}", "-o", str(output), *chosen)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr
        if "attached" not in (answer := tracer.stderr.readline()):
            raise RuntimeError(f"strace: {answer}")
        try:
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate()


def print_table(plain: Descent, trace: Trace, imports: str) -> None:
    """Print the phases, the programs, the synced files and the imports, each the costliest first."""
    depth = plain.depth
    print(f"{'':<48} {'a level':>9} {'seconds':>9}")
    print(f"{'from one level to the next':<48} {'':>9} {plain.level_s:>9.3f}")
    for name, seconds in plain.phases_s:
        print(f"{'  phase ' + name:<48} {'':>9} {seconds:>9.3f}")
    by_name: dict[str, list[float]] = {}
    for run in trace.runs:
        by_name.setdefault(run.name, []).append(run.seconds)
    print(f"{'programs that ended, traced':<48} {len(trace.runs) / depth:>9.1f}")
    for name, times in sorted(by_name.items(), key=lambda it: -sum(it[1]))[:_SHOWN]:
        print(f"{'  ' + name:<48} {len(times) / depth:>9.1f} {sum(times) / depth:>9.3f}")
    print(f"{'synced writes':<48} {len(trace.synced) / depth:>9.1f}")
    by_path = {path: trace.synced.count(path) for path in trace.synced}
    for path, count in sorted(by_path.items(), key=lambda it: -it[1])[:_SHOWN]:
        print(f"{'  ' + path[-46:]:<48} {count / depth:>9.1f}")
    print("imports of the runner, with what they import")
    for line in costliest(imports):
        print(line)


def costliest(imports: str) -> list[str]:
    """Return the lines of the table for the costliest modules in the output of `python3 -X importtime`."""
    rows = (line.split("|") for line in imports.splitlines() if line.startswith("import time:"))
    known = [(int(row[1]) / 1e6, row[2].strip()) for row in rows if row[1].strip().isdecimal()]
    return [f"{'  ' + name:<48} {'':>9} {seconds:>9.3f}" for seconds, name in sorted(known, reverse=True)[:_SHOWN]]


def main() -> None:
    """Go down twice, print the table."""
    parser = argparse.ArgumentParser(prog="make profile", description=__doc__)
    parser.add_argument("--depth", type=int, default=4)
    depth: int = parser.parse_args().depth

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    imports: list[str] = []

    def import_runner(chain: RunningChain) -> None:
        bottom = Level(host=engine.client, plan=chain.plan, number=depth)
        imports.append(bottom.output("sh", "-c", f"python3 -X importtime -c 'import {RUNNER}' 2>&1"))

    with connect(EngineChoice.AUTO, on_message=say) as engine, tempfile.TemporaryDirectory() as scratch:
        plain = descend(engine, make_request(depth, "profile"), say, import_runner)
        output = Path(scratch) / "trace"
        with ExitStack() as tracing:
            tracing.enter_context(traced(engine, output))
            # Unwinding is another matter.
            descend(engine, make_request(depth, "traced"), say, lambda _: tracing.close())
        with output.open(errors="replace") as lines:
            trace = parse_trace(lines)
    print_table(plain, trace, imports[0])


if __name__ == "__main__":
    main()
