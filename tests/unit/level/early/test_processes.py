from __future__ import annotations

import subprocess
import sys

from inception.level.early.processes import Daemon


def test_a_daemon_that_does_not_stop_is_killed() -> None:
    code = "import signal, sys, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    assert not Daemon("toyd", process).stop(0.2)
    process.stdout.close()
