from __future__ import annotations

import os
from pathlib import Path

import pytest

from inception.chain.background import start_background

WELL = """
import sys
from pathlib import Path
from inception.chain.background import report_ready
report_ready()
print("nobody reads this")
Path(sys.argv[1]).write_text(str(__import__("os").getsid(0)))
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "well.py").write_text(WELL)
    (tmp_path / "badly.py").write_text("import sys; sys.exit('it cannot')")
    (tmp_path / "silently.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_a_process_that_is_ready_goes_on_in_a_session_of_its_own(modules: Path) -> None:
    fifo = modules / "said"
    os.mkfifo(fifo)
    assert start_background("well", str(fifo)) is None
    assert int(fifo.read_text()) != os.getsid(0)


@pytest.mark.parametrize(("module", "said"), [("badly", "it cannot"), ("silently", "")])
def test_a_process_that_is_not_says_why(modules: Path, module: str, said: str) -> None:
    assert modules.is_dir()
    assert start_background(module) == said
