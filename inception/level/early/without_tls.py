"""Python without TLS: the engines that a runner speaks to listen at unix sockets.

`http.client` imports `ssl` where it can, and with it OpenSSL's libraries: milliseconds of a runner's start, and 1.5 MB
of its memory.
"""

from __future__ import annotations

import sys

_NAME = "ssl"


def leave_out_tls() -> None:
    """Have the import of `ssl` fail, which `http.client` takes for a Python without it."""
    sys.modules.setdefault(_NAME, None)  # type: ignore[arg-type] # importlib takes None for a module that is not there


def let_tls_in() -> None:
    """Have the import of `ssl` succeed again, for modules that need it."""
    if sys.modules.get(_NAME, sys) is None:
        del sys.modules[_NAME]
