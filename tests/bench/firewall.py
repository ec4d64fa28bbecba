"""`python -m tests.bench.firewall`: what iptables takes of the boot of a level's dockerd, and what for."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from importlib.resources import files

from inception.chain.running import RunningChain
from inception.engine.connect import Engine, EngineChoice, connect
from inception.level.engine.daemons import CONTAINERD_SOCKET
from tests.bench.ours import descend, make_request

_ACTIONS = {"-C": "looks for a rule", "-L": "looks for a chain", "-A": "adds a rule", "-I": "adds a rule"}
_ACTIONS |= {"-N": "adds a chain", "-D": "removes a rule", "-F": "empties a chain", "-X": "removes a chain"}


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _measure(engine: Engine, chain: RunningChain) -> None:
    program = (files("tests.bench") / "firewall_inside.py").read_text()
    command = ["python3", "-c", program, str(CONTAINERD_SOCKET)]
    environment = {"PYTHONPATH": str(chain.plan.paths.payload)}
    container = chain.plan.level(1).container
    created = engine.client.exec_create(container, command, stderr=False, environment=environment)["Id"]
    found = json.loads(engine.client.exec_start(created))
    print(f"dockerd answers after {found['with']:.3f} s, with --iptables=false after {found['without']:.3f} s")
    actions = (next(iter(re.findall(r" (-[A-Z])\b", f" {line}")), "other") for line in found["started"])
    counted = Counter(_ACTIONS.get(action, action) for action in actions)
    print(f"{len(found['started'])} iptables: " + ", ".join(f"{times} {what}" for what, times in counted.most_common()))
    took = (f"{seconds * 1000:.1f} ms {_ACTIONS[action]}" for action, seconds in found["calls"].items())
    print(f"one iptables: {', '.join(took)}")


def main() -> None:
    """Measure in a chain of one level."""
    with connect(EngineChoice.AUTO, on_message=_say) as engine:
        descend(engine, make_request(1, "firewall"), _say, lambda chain: _measure(engine, chain))


if __name__ == "__main__":
    main()
