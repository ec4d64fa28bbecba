from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from inception.linux import flock
from inception.linux.flock import Mode


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_a_shared_lock_has_several_holders(path: Path) -> None:
    with flock.held(path, Mode.SHARED), flock.held(path, Mode.SHARED, limit_s=1):
        assert flock.is_free(path)


def test_an_exclusive_lock_has_one_holder(path: Path) -> None:
    with flock.held(path):
        assert not flock.is_free(path)
        with pytest.raises(BlockingIOError, match=r"not free within 0\.05 s"), flock.held(path, limit_s=0.05):
            pass
    assert flock.is_free(path)


def test_take_within_waits_for_the_holder(path: Path) -> None:
    with flock.opened(path) as first, flock.opened(path) as second:
        flock.take(first, Mode.EXCLUSIVE)
        threading.Timer(0.2, flock.release, (first,)).start()
        begun_s = time.monotonic()
        flock.take_within(second, Mode.EXCLUSIVE, 5)
        assert 0.1 < time.monotonic() - begun_s < 5


def test_try_take_exchanges_a_lock(path: Path) -> None:
    with flock.opened(path) as descriptor:
        flock.take(descriptor, Mode.EXCLUSIVE)
        assert flock.try_take(descriptor, Mode.SHARED)
        assert flock.is_free(path)


def test_a_missing_file_is_free(path: Path) -> None:
    assert flock.is_free(path)
    assert not path.exists()
