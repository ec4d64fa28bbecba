from __future__ import annotations

from tests.bench.profile import Run, costliest, parse_trace

TRACE = """\
10    100.000000 execve("/usr/sbin/iptables", ["/usr/sbin/iptables", "--wait", "-L"], 0x1 /* 5 vars */) = 0
10    100.250000 exit_group(0) = ?
10    100.500000 +++ exited with 0 +++
11    101.000000 execve("/usr/local/bin/sh", ["sh", "-c", "exec runc"], 0x1 /* 5 vars */) = -1 ENOENT (No such file)
11    101.000000 execve("/usr/bin/sh", ["sh", "-c", "exec runc"], 0x1 /* 5 vars */) = 0
11    102.000000 execve("/usr/sbin/runc", ["runc"], 0x1 /* 5 vars */) = 0
11    102.500000 +++ killed by SIGKILL +++
12    103.000000 fdatasync(3</root/meta.db>) = 0
12    103.000000 fsync(3</root/containers/0123456789abcdef/config.json> <unfinished ...>
13    104.000000 execve("/usr/sbin/dockerd", ["dockerd"], 0x1 /* 5 vars */) = 0
"""


def test_trace_tells_which_programs_ended_and_what_was_synced() -> None:
    trace = parse_trace(TRACE.splitlines())
    assert trace.runs == (
        Run(name="iptables", seconds=0.25),
        Run(name="sh", seconds=1.0),
        Run(name="runc", seconds=0.5),
    )
    assert trace.synced == ("/root/meta.db", "/root/containers/ID/config.json")


def test_costliest_modules_come_first() -> None:
    heading = "import time: self [us] | cumulative | imported package\n"
    output = f"{heading}import time: 10 | 20 | re\nimport time: 5 | 900 |   enum\n"
    assert [line.split() for line in costliest(output)] == [["enum", "0.001"], ["re", "0.000"]]
