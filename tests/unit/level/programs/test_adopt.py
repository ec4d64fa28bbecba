from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from inception.linux import lifeline
from inception.plan.chain import ChainPlan
from tests.factories.plans import FACTS, plan


def adopt(text: str, file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inception.level.programs.adopt", str(file)]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def made(directory: Path, depth: int) -> ChainPlan:
    chain = plan(depth, replace(FACTS, run_root=str(directory)))
    Path(chain.paths.level(1)).mkdir(parents=True, exist_ok=True)
    return chain


def test_a_deeper_plan_takes_the_place_of_the_old_one_and_has_directories(tmp_path: Path) -> None:
    file = Path(made(tmp_path, 1).paths.plan)
    deeper = made(tmp_path, 3).to_json()
    done = adopt(deeper, file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "adopted\n", "")
    assert sorted(it.name for it in file.parent.iterdir()) == ["1", "2", "3", "plan.json"]
    assert file.read_text() == deeper


def test_directories_of_levels_that_are_gone_are_removed_once_these_have_ended(tmp_path: Path) -> None:
    chain = made(tmp_path, 3)
    file = Path(chain.paths.plan)
    assert adopt(chain.to_json(), file).returncode == 0
    lifeline.hold(Path(chain.paths.alive(2)))
    assert adopt(made(tmp_path, 1).to_json(), file).returncode == 0
    assert sorted(it.name for it in file.parent.iterdir()) == ["1", "2", "plan.json"]


def test_what_is_no_plan_changes_nothing(tmp_path: Path) -> None:
    file = Path(made(tmp_path, 1).paths.plan)
    done = adopt("{}", file)
    assert done.returncode != 0
    assert "adopted" not in done.stdout
    assert not file.exists()
