from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inception.level.images.graft import Seed, is_used, plan_graft, plan_regraft
from inception.linux.mounts import BindReadOnly
from inception.plan.request import ImageStore


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
        BindReadOnly(source=seed.data_root / "overlay2" / layer / "diff", target=target / "overlay2" / layer / "diff")
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


def test_a_seed_that_names_no_store_is_of_overlay2(seed: Seed) -> None:
    assert seed.store is ImageStore.OVERLAY2


def test_a_seed_that_lacks_its_store_is_refused(tmp_path: Path) -> None:
    for store in (ImageStore.OVERLAY2, ImageStore.CONTAINERD):
        with pytest.raises(FileNotFoundError):
            plan_graft(Seed(directory=tmp_path, image_id="sha256:1", store=store), tmp_path / "data-root")


@pytest.fixture
def containerd_seed(tmp_path: Path) -> Seed:
    root = tmp_path / "seed" / "data-root" / "containerd-root"
    snapshotter = root / "io.containerd.snapshotter.v1.overlayfs"
    blobs = root / "io.containerd.content.v1.content" / "blobs" / "sha256"
    for directory in (snapshotter / "snapshots" / "1" / "fs", root / "io.containerd.metadata.v1.bolt", blobs):
        directory.mkdir(parents=True)
    (snapshotter / "snapshots" / "1" / "fs" / "large").write_text("x")
    (snapshotter / "metadata.db").write_text("snapshots")
    (root / "io.containerd.metadata.v1.bolt" / "meta.db").write_text("images")
    (blobs / "01").write_text("blob")
    (tmp_path / "seed" / "seed.json").write_text(json.dumps({"image_id": "sha256:1", "image_store": "containerd"}))
    return Seed.read(tmp_path / "seed")


def test_containerds_databases_are_copied_and_its_layers_and_blobs_linked(
    containerd_seed: Seed, tmp_path: Path
) -> None:
    plan_graft(containerd_seed, tmp_path / "data-root").execute()
    root = tmp_path / "data-root" / "containerd-root"
    layer = root / "io.containerd.snapshotter.v1.overlayfs" / "snapshots" / "1"
    blobs = root / "io.containerd.content.v1.content" / "blobs" / "sha256"
    assert (root / "io.containerd.metadata.v1.bolt" / "meta.db").read_text() == "images"
    assert (layer.parents[1] / "metadata.db").read_text() == "snapshots"
    assert (layer / "fs" / "large").read_text() == "x"
    assert (layer / "fs").readlink().is_relative_to(containerd_seed.directory)
    assert (blobs / "01").readlink().is_relative_to(containerd_seed.directory)
    assert layer.parents[1].stat().st_mode & 0o777 == 0o700
    # An engine that deletes the image deletes links, and no file of the seed; and it writes new blobs.
    (layer / "fs").unlink()
    (blobs / "01").unlink()
    (blobs / "02").touch()
    assert not plan_graft(containerd_seed, tmp_path).links[0][0].is_symlink()
    assert (containerd_seed.data_root / blobs.relative_to(tmp_path / "data-root") / "01").read_text() == "blob"


def test_a_graft_that_fails_leaves_nothing(containerd_seed: Seed, tmp_path: Path) -> None:
    graft = plan_graft(containerd_seed, tmp_path / "data-root")
    (containerd_seed.data_root / "containerd-root/io.containerd.snapshotter.v1.overlayfs/metadata.db").unlink()
    with pytest.raises(FileNotFoundError):
        graft.execute()
    assert list((tmp_path / "data-root").iterdir()) == []


def test_a_seed_names_its_preloads(seed: Seed) -> None:
    described = json.loads((seed.directory / "seed.json").read_text())
    preloads = [{"image_ids": ["sha256:2"], "names": ["app:1"]}, {"image_ids": ["sha256:3"], "names": []}]
    (seed.directory / "seed.json").write_text(json.dumps({**described, "preloads": preloads}))
    assert seed.preloads == ()
    assert [(it.archive.name, it.image_ids, it.names) for it in Seed.read(seed.directory).preloads] == [
        ("preload-0.tar", ("sha256:2",), ("app:1",)),
        ("preload-1.tar", ("sha256:3",), ()),
    ]


def test_what_was_grafted_before_is_only_bound_again_where_it_still_is(seed: Seed, tmp_path: Path) -> None:
    data_root = tmp_path / "data-root"
    assert not is_used(data_root)
    (data_root / "containers").mkdir(parents=True)
    (data_root / "overlay2" / "bb" / "diff").mkdir(parents=True)
    assert is_used(data_root)
    graft = plan_regraft(seed, data_root)
    assert [bind.target for bind in graft.binds] == [data_root / "overlay2" / "bb" / "diff"]
    assert (graft.tops, graft.copies, graft.links) == ((), (), ())
    assert plan_regraft(replace(seed, store=ImageStore.CONTAINERD), data_root).binds == ()
