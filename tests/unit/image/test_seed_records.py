from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inception.image.seed_records import find_record, write_record

VOLUME: dict[str, Any] = {
    "Name": "inception-seed-0",
    "CreatedAt": "2026-01-01T00:00:00Z",
    "Mountpoint": "/var/lib/docker/volumes/inception-seed-0/_data",
}
SEED = {"image_id": "sha256:0", "image_store": "containerd"}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INCEPTION_STATE_DIR", str(tmp_path))
    return tmp_path


def test_a_record_counts_for_its_volume_alone() -> None:
    assert find_record(VOLUME) is None
    write_record(VOLUME, SEED)
    assert find_record(VOLUME) == SEED
    for other in ({"Name": "inception-seed-1"}, {"CreatedAt": "2026-01-01T00:00:01Z"}, {"Mountpoint": "/other"}):
        assert find_record({**VOLUME, **other}) is None
    write_record({**VOLUME, "CreatedAt": "2027-01-01T00:00:00Z"}, SEED)
    assert find_record(VOLUME) is None, "the volume was made anew"


def test_a_volume_whose_engine_does_not_say_when_it_was_made_has_no_record(state: Path) -> None:
    volume = {name: value for name, value in VOLUME.items() if name != "CreatedAt"}
    write_record(volume, SEED)
    assert find_record(volume) is None
    assert list(state.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"volume": 1}', "null"])
def test_a_record_that_is_none_is_no_error(text: str, state: Path) -> None:
    write_record(VOLUME, SEED)
    (state / "seeds" / "inception-seed-0.json").write_text(text)
    assert find_record(VOLUME) is None


def test_only_this_user_reads_it(state: Path) -> None:
    write_record(VOLUME, SEED)
    assert (state / "seeds").stat().st_mode & 0o077 == 0
    assert [it.name for it in (state / "seeds").iterdir()] == ["inception-seed-0.json"]
