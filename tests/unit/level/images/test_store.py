"""An engine uses the image store that is asked for, and says which one it uses."""

from __future__ import annotations

import json

import pytest

from inception.level.failure import PhaseError
from inception.level.images.store import store_in_use, store_settings
from inception.plan.request import ImageStore

BY_CONTAINERD = {"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}


@pytest.mark.parametrize(("store", "driver"), [(ImageStore.OVERLAY2, "overlay2"), (ImageStore.CONTAINERD, "overlayfs")])
def test_settings_choose_the_store(store: ImageStore, driver: str) -> None:
    by_containerd = store is ImageStore.CONTAINERD
    assert json.loads(store_settings(store)) == {
        "features": {"containerd-snapshotter": by_containerd},
        "storage-driver": driver,
    }


def test_the_store_in_use_is_told_by_the_driver() -> None:
    assert store_in_use(BY_CONTAINERD) is ImageStore.CONTAINERD
    assert (
        store_in_use({"Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"]]}) is ImageStore.OVERLAY2
    )


@pytest.mark.parametrize("info", [{"Driver": "vfs", "DriverStatus": None}, {**BY_CONTAINERD, "Driver": "native"}])
def test_another_driver_is_refused_by_name(info: dict[str, object]) -> None:
    with pytest.raises(PhaseError, match=f"storage driver {info['Driver']}"):
        store_in_use(info)
