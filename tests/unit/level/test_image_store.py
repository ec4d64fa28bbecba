"""An engine uses the image store that is asked for, and says which one it uses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inception.level import image_store
from inception.level.failure import PhaseError
from inception.level.image_store import daemon_config, store_in_use, write_daemon_config
from inception.plan.request import ImageStore

OWN = {"features": {"cdi": True, "containerd-snapshotter": True}, "debug": True}
BY_CONTAINERD = {"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}


def test_the_images_own_configuration_is_kept_but_for_the_store() -> None:
    config = daemon_config(OWN, ImageStore.OVERLAY2)
    assert config == {
        "features": {"cdi": True, "containerd-snapshotter": False},
        "debug": True,
        "storage-driver": "overlay2",
    }
    config = daemon_config({"storage-driver": "vfs"}, ImageStore.CONTAINERD)
    assert config == {"features": {"containerd-snapshotter": True}, "storage-driver": "overlayfs"}


def test_the_configuration_is_written_beside_the_images_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    monkeypatch.setattr(image_store, "_DAEMON_JSON", own)
    monkeypatch.setattr(image_store, "_CONFIG", tmp_path / "config.json")
    for content in (None, OWN):
        if content is not None:
            own.write_text(json.dumps(content))
        written = json.loads(write_daemon_config(ImageStore.CONTAINERD).read_text())
        assert written == daemon_config(content or {}, ImageStore.CONTAINERD)
    assert json.loads(own.read_text()) == OWN


def test_the_store_in_use_is_told_by_the_driver() -> None:
    assert store_in_use(BY_CONTAINERD) is ImageStore.CONTAINERD
    assert (
        store_in_use({"Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"]]}) is ImageStore.OVERLAY2
    )


@pytest.mark.parametrize("info", [{"Driver": "vfs", "DriverStatus": None}, {**BY_CONTAINERD, "Driver": "native"}])
def test_another_driver_is_refused_by_name(info: dict[str, object]) -> None:
    with pytest.raises(PhaseError, match=f"storage driver {info['Driver']}"):
        store_in_use(info)
