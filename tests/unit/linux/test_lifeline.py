from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from inception.linux import lifeline

_HOLDER = "import sys, time; from inception.linux import lifeline; from pathlib import Path; \
lifeline.hold(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"


def test_the_callback_comes_when_the_holder_releases_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lifeline"
    held = lifeline.hold(path)
    free = threading.Event()
    lifeline.call_when_free(path, free.set)
    assert not free.wait(0.1)
    os.close(held)
    assert free.wait(5)


def test_the_callback_comes_when_the_holder_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lifeline"
    with subprocess.Popen([sys.executable, "-c", _HOLDER, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        free = threading.Event()
        lifeline.call_when_free(path, free.set)
        assert not free.wait(0.1)
        holder.kill()
        assert free.wait(5)


def test_waiting_for_a_lifeline_ends_with_its_release_or_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "lifeline"
    held = lifeline.hold(path)
    begun_s = time.monotonic()
    lifeline.await_free(path, 0.05)
    assert time.monotonic() - begun_s >= 0.05
    release = threading.Timer(0.05, os.close, [held])
    release.start()
    lifeline.await_free(path, 60)
    release.join()
    assert time.monotonic() - begun_s < 60
    assert not lifeline.is_held(path)


def test_a_lifeline_has_one_holder(tmp_path: Path) -> None:
    held = lifeline.hold(tmp_path / "lifeline")
    with pytest.raises(BlockingIOError):
        lifeline.hold(tmp_path / "lifeline")
    os.close(held)


def test_a_refused_holder_leaks_no_descriptor(tmp_path: Path) -> None:
    held = lifeline.hold(tmp_path / "lifeline")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(BlockingIOError):
        lifeline.hold(tmp_path / "lifeline")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    os.close(held)


def test_one_that_unwinds_says_so_until_the_next_holder_takes_the_lifeline(tmp_path: Path) -> None:
    path = tmp_path / "lifeline"
    assert not lifeline.is_ending(path)
    holder = lifeline.Lifeline(path)
    holder.take()
    assert not lifeline.is_ending(path)
    holder.mark_ending()
    holder.release()
    assert lifeline.is_ending(path)
    holder.take()
    assert not lifeline.is_ending(path)
    holder.release()
    holder.mark_ending()  # It holds nothing, and writes nothing.
    assert not lifeline.is_ending(path)


def test_a_late_holder_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "lifeline"
    free = threading.Event()
    lifeline.call_when_free(path, free.set, held_within_s=30)
    assert not free.wait(0.2)
    held = lifeline.hold(path)
    assert not free.wait(0.2)
    os.close(held)
    assert free.wait(5)


def test_a_holder_that_never_comes_is_waited_for_no_longer_than_allowed(tmp_path: Path) -> None:
    free = threading.Event()
    lifeline.call_when_free(tmp_path / "lifeline", free.set, held_within_s=0.3)
    assert not free.wait(0.1)
    assert free.wait(5)
