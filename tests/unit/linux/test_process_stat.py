"""Read the state of processes: one with a misleading name, and real ones."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from inception.linux.process_stat import ZOMBIE, parse_process_stat, read_process_stat
from inception.linux.retry import wait_until

_LINE = "7 (a) Z 1 (b) R) S 6 7 7 0 -1 4194560 1 0 0 0 2 3 0 0 20 0 1 0 4711 9 8 7"


def test_name_with_parentheses_and_states_in_it_is_the_name() -> None:
    assert parse_process_stat(_LINE) == ("a) Z 1 (b) R", "S", 6, 4711)


def test_child_is_younger_than_this_process_and_a_zombie_until_it_is_waited_for() -> None:
    ours = read_process_stat(Path("/proc/self"))
    child = subprocess.Popen(["true"])
    try:
        entry = Path("/proc", str(child.pid))
        assert wait_until(lambda: read_process_stat(entry).state == ZOMBIE, limit_s=5, pause_s=0.01)
        stat = read_process_stat(entry)
        assert (stat.name, stat.parent) == ("true", os.getpid())
        assert ours.parent == os.getppid()
        assert ours.started <= stat.started
    finally:
        child.wait()
