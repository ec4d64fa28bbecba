"""Give a module a private engine of its own, which its tests may stop, kill and start again."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inception.engine.connect import Engine, EngineChoice, connect
from inception.engine.private.layout import EngineDirectory
from inception.image.store import find_image
from tests.integration.conftest import wait_for
from tests.isolated.rest import copy_engine_at_rest
from tests.isolated.run import is_isolated

_END_LIMIT_S = 60


@contextmanager
def own_private_engine(engine: Engine, level_image: str) -> Iterator[EngineDirectory]:
    """Give a private engine that does not run and has the level image; in isolation it has the image's seeds, too."""
    with tempfile.TemporaryDirectory(prefix="own-") as home:
        directory = EngineDirectory(Path(home) / "engine")
        if is_isolated():
            copy_engine_at_rest(directory.root)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("INCEPTION_STATE_DIR", home)
            with connect(EngineChoice.PRIVATE, on_message=print) as own:
                if find_image(own.client, level_image) is None:
                    for message in own.client.load_image(engine.client.get_image(level_image)):
                        assert "error" not in message, message
        # Its supervisor gives up the lock before it ends, and would be missed by the first test's inventory.
        wait_until_ended(directory)
        yield directory


def wait_until_ended(directory: EngineDirectory) -> None:
    """Fail the test unless all processes of the private engine end soon, as they do after its last chain."""

    def has_ended() -> bool:
        return subprocess.run(["pgrep", "-f", str(directory.root)], capture_output=True, check=False).returncode == 1

    wait_for(has_ended, _END_LIMIT_S, "the private engine goes on without a client")
