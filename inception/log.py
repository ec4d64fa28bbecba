"""The diagnostic log on standard error, which --verbose and INCEPTION_LOG ask for.

Every module logs to its own logger, `logging.getLogger(__name__)`; a Python program shows those of `inception` as it
likes. Engine calls and retries are logged at DEBUG, what a plan decides at INFO.
"""

from __future__ import annotations

import logging
import sys

from inception.errors import UsageError
from inception.plan.chain import ChainPlan
from inception.plan.engine.options import ranges
from inception.plan.engine.proxies import mask_credentials
from inception.plan.formats.text import printable

VARIABLE = "INCEPTION_LOG"
"""The environment variable that has the same effect as --verbose, for `debug`, or shows less, for `info`."""
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO}
_log = logging.getLogger("inception")


class _StandardError(logging.Handler):
    """Writes to standard error, whatever that is by then: something that draws on the terminal may have replaced it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as one line."""
        # A session has the terminal in raw mode, where a line feed alone does not return to the left.
        end = "\r\n" if sys.stderr.isatty() else "\n"
        try:
            sys.stderr.write(printable(mask_credentials(self.format(record))) + end)
            sys.stderr.flush()
        except OSError:  # Nobody reads it: no reason to end a chain.
            pass


def show_log(level: str) -> None:
    """Write log records to standard error from `level` on, which is `debug` or `info`. Raises UsageError."""
    if level not in _LEVELS:
        raise UsageError(f"{VARIABLE}={level!r} is not a level of the log", remedy=f"use {' or '.join(_LEVELS)}")
    if not is_shown():
        handler = _StandardError()
        handler.setFormatter(logging.Formatter("inception: %(asctime)s.%(msecs)03d %(message)s", datefmt="%H:%M:%S"))
        _log.addHandler(handler)
    _log.setLevel(_LEVELS[level])


def is_shown() -> bool:
    """Return whether log records go to standard error."""
    return any(isinstance(handler, _StandardError) for handler in _log.handlers)


def log_plan(plan: ChainPlan) -> None:
    """Log what `plan` decides for its levels."""
    _log.info("plan of chain %s: depth %d, endpoint %s", plan.name, plan.depth, plan.endpoint)
    privileges = plan.privileges
    granted = "--privileged" if privileges.privileged else f"capabilities {', '.join(privileges.capabilities)}"
    for what, decided in (
        ("privileges", granted),
        ("image transfer", plan.image_transfer),
        ("images", ranges([level.image for level in plan.levels])),
        ("image stores", ranges([str(plan.seed_of(level.number).store) for level in plan.levels])),
        ("network", f"{plan.network}, MTU {plan.mtu}, packet TTL {plan.packet_ttl or 'unchanged'}"),
        ("PID namespaces", ranges([str(level.pid_namespace) for level in plan.levels])),
        ("storage", ranges([str(level.storage.kind) for level in plan.levels])),
        ("bridges", ", ".join(level.subnet.bridge for level in plan.levels)),
    ):
        _log.info("plan of chain %s: %s: %s", plan.name, what, decided)
