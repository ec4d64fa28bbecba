"""Set up each process of pytest: signals as the tests need them, whoever starts it, and its directory in isolation."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.isolated.run import is_isolated

# Ignored signals are inherited (execve(2)), for instance from nohup, or from a script that runs us in the background.
# The programs under test would ignore them too. A handler is not inherited: exec sets the default action in its place.
# Ours does nothing, so that what pytest's starter asked for still holds for pytest.
for _number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Make the parent of pytest's temporary directory: pytest-xdist chose it in its own /tmp."""
    if is_isolated() and config.option.basetemp:
        Path(config.option.basetemp).parent.mkdir(parents=True, exist_ok=True)
