"""Have a dockerd use one image store, and tell which store one uses.

The choice is made in a configuration file. dockerd refuses a choice on its command line that is in the image's own
`daemon.json` too, and before 28 it has no option for it there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from inception.level.failure import PhaseError
from inception.plan.request import ImageStore

_FEATURES = "features"
_CONTAINERD_STORE = "containerd-snapshotter"
_DRIVER = "storage-driver"
_CONTAINERD_DRIVER = "overlayfs"
"""Name of containerd's snapshotter for overlays, which dockerd takes for its storage driver then."""


def store_settings(store: ImageStore) -> str:
    """Return the content of a `daemon.json` with which dockerd uses `store`, which is not AUTO."""
    by_containerd = store is ImageStore.CONTAINERD
    driver = _CONTAINERD_DRIVER if by_containerd else store.value
    return json.dumps({_FEATURES: {_CONTAINERD_STORE: by_containerd}, _DRIVER: driver})


def store_in_use(info: Mapping[str, Any]) -> ImageStore:
    """Return the image store of the engine whose answer to `GET /info` is `info`. Raises PhaseError if it is another.

    containerd's snapshotters name their plugin's type; engines of both kinds name the driver.
    """
    driver = str(info["Driver"])
    if ["driver-type", "io.containerd.snapshotter.v1"] in (info.get("DriverStatus") or ()):
        if driver == _CONTAINERD_DRIVER:
            return ImageStore.CONTAINERD
    elif driver == ImageStore.OVERLAY2:
        return ImageStore.OVERLAY2
    raise PhaseError(f"no level can be given an image by storage driver {driver}")
