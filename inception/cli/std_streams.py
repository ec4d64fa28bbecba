"""The three standard streams, which the program that started us may have closed."""

from __future__ import annotations

import os
import sys

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_closed_streams() -> None:
    """Open /dev/null in place of standard streams that are closed, before anything else is opened.

    Otherwise the next file or socket would get a closed one's number, and be read and written in its place.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is None:  # The interpreter has found it closed.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # It gets the least number that is free: this.
            setattr(sys, name, open(number, mode, closefd=False, encoding="utf-8"))  # noqa: SIM115 - for good
