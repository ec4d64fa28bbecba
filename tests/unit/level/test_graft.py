from __future__ import annotations

import json
from pathlib import Path

import pytest

from inception.level.graft import Seed, plan_graft
from inception.linux.mounts import BindReadOnly


@pytest.fixture
def seed(tmp_path: Path) -> Seed:
    data_root = tmp_path / "seed" / "data-root"
    for layer, has_parent in (("aa", False), ("bb", True)):
        directory = data_root / "overlay2" / layer
        (directory / "diff").mkdir(parents=True)
        (directory / "link").write_text(layer.upper())
        if has_parent:
            (directory / "lower").write_text("l/AA")
    (data_root / "overlay2" / "l").mkdir()
    (data_root / "overlay2" / "l" / "AA").symlink_to("../aa/diff")
    (data_root / "image" / "overlay2").mkdir(parents=True)
    (data_root / "image" / "overlay2" / "repositories.json").write_text("{}")
    (tmp_path / "seed" / "seed.json").write_text(json.dumps({"image_id": "sha256:1", "image": "level:1"}))
    return Seed.read(tmp_path / "seed")


def test_each_layer_is_bound_and_its_metadata_copied(seed: Seed, tmp_path: Path) -> None:
    target = tmp_path / "data-root"
    graft = plan_graft(seed, target)
    assert graft.binds == tuple(
        BindReadOnly(seed.data_root / "overlay2" / layer / "diff", target / "overlay2" / layer / "diff")
        for layer in ("aa", "bb")
    )
    copied = {to.relative_to(target).as_posix() for _, to in graft.copies}
    assert copied == {"image", "overlay2/l", "overlay2/aa/link", "overlay2/bb/link", "overlay2/bb/lower"}


def test_no_layer_content_is_copied(seed: Seed, tmp_path: Path) -> None:
    (seed.data_root / "overlay2" / "aa" / "diff" / "large").write_text("x")
    assert not any("diff" in source.parts for source, _ in plan_graft(seed, tmp_path / "data-root").copies)


def test_an_incomplete_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Seed.read(tmp_path)


def test_a_seed_of_another_storage_driver_is_refused(tmp_path: Path) -> None:
    (tmp_path / "seed.json").write_text('{"image_id": "sha256:1"}')
    with pytest.raises(FileNotFoundError):
        plan_graft(Seed.read(tmp_path), tmp_path / "data-root")
