"""An ssh:// that fails. What works behind one is in test_remote.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inception.engine.connect import Engine
from tests.integration.conftest import RunInception
from tests.integration.remote_engine import RemoteEngine
from tests.integration.remote_ssh import LACKING, engine_behind_ssh

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(LACKING is not None, reason=str(LACKING)),
    pytest.mark.usefixtures("unchanged_host", "own_run_root"),
]


@pytest.fixture(scope="module")
def far(engine: Engine) -> Iterator[RemoteEngine]:
    with engine_behind_ssh(engine) as far:
        yield far


@pytest.fixture
def inception_environment(inception_environment: dict[str, str], far: RemoteEngine) -> dict[str, str]:
    return {**inception_environment, **far.environment}


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("stranger", "Host key verification failed."),
        ("no-docker", "docker: command not found"),
        ("closed", "Connection refused"),
    ],
)
def test_ssh_that_fails_is_one_line_with_its_reason(run_inception: RunInception, host: str, why: str) -> None:
    address = f"ssh://root@{host}"
    done = run_inception("--depth", "1", "--", "true", environment={"DOCKER_HOST": address})
    assert done.returncode == 125
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1
    assert f"no Docker engine answers at {address} (from DOCKER_HOST): " in lines[0]
    assert why in lines[0]
    remedy = f": make this work first: ssh {address} docker version"
    assert lines[0].endswith(f"{remedy} (inception help engine-unreachable)")
