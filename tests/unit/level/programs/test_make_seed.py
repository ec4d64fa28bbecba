from __future__ import annotations

import subprocess

import pytest

from inception.level.daemons import Daemon
from inception.level.failure import PhaseError
from inception.level.programs.make_seed import wait_for_dockerd
from inception.plan.request import ImageStore
from inception.plan.time_limits import TimeLimits


@pytest.mark.parametrize(
    ("store", "said"),
    [
        (ImageStore.AUTO, "dockerd ended with status 1"),
        (ImageStore.CONTAINERD, "its engine does not start with image store containerd: dockerd ended with status 1"),
    ],
)
def test_an_engine_that_does_not_start_with_the_store_asked_for_is_said_to_lack_it(
    store: ImageStore, said: str
) -> None:
    with subprocess.Popen(["false"]) as process:
        process.wait()
        with pytest.raises(PhaseError) as failed:
            wait_for_dockerd(Daemon("dockerd", process), store, TimeLimits())
    assert str(failed.value) == said
