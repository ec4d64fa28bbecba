"""Give a chain the plan of a client on another machine, which cannot write its plan file: run in level 1.

`python -m inception.level.programs.adopt PLAN_FILE`, with the new plan on standard input.
"""

from __future__ import annotations

import shutil
import sys
from itertools import count, takewhile
from pathlib import Path

from inception.linux import lifeline
from inception.plan.chain import ChainPlan
from inception.plan.protocol import ADOPTED

_PRIVATE = 0o700
_OWNER_ONLY = 0o600


def main() -> None:
    """Adopt the plan, and print ADOPTED once it is in place."""
    adopt(sys.stdin.read(), Path(sys.argv[1]))
    sys.stdout.write(ADOPTED)


def adopt(text: str, file: Path) -> None:
    """Replace the plan in `file` by `text`, and make the directories of its levels.

    Those of levels that it lacks are removed, once the levels have ended. Raises OSError, ValueError.
    """
    plan = ChainPlan.from_json(text)
    for number in range(1, plan.depth + 1):
        Path(plan.paths.level(number)).mkdir(mode=_PRIVATE, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.touch(mode=_OWNER_ONLY)
    draft.write_text(text)
    draft.replace(file)
    for number in takewhile(lambda it: Path(plan.paths.level(it)).is_dir(), count(plan.depth + 1)):
        if not lifeline.is_held(Path(plan.paths.alive(number))):
            shutil.rmtree(plan.paths.level(number))


if __name__ == "__main__":
    main()
