"""Have a dockerd use one image store, and tell which store one uses.

The choice is made in a configuration file. dockerd refuses a choice on its command line that is in the image's own
`daemon.json` too, and before 28 it has no option for it there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inception.level.failure import PhaseError
from inception.plan.request import ImageStore

_DAEMON_JSON = Path("/etc/docker/daemon.json")
_CONFIG = Path("/run/inception-daemon.json")
_FEATURES = "features"
_CONTAINERD_STORE = "containerd-snapshotter"
_DRIVER = "storage-driver"
_CONTAINERD_DRIVER = "overlayfs"
"""Name of containerd's snapshotter for overlays, which dockerd takes for its storage driver then."""


def daemon_config(own: Mapping[str, Any], store: ImageStore) -> dict[str, Any]:
    """Return the content of a `daemon.json` with which dockerd uses `store`, and else what `own` says."""
    by_containerd = store is ImageStore.CONTAINERD
    return {
        **own,
        _FEATURES: {**own.get(_FEATURES, {}), _CONTAINERD_STORE: by_containerd},
        _DRIVER: _CONTAINERD_DRIVER if by_containerd else store.value,
    }


def write_daemon_config(store: ImageStore) -> Path:
    """Write the configuration file of a dockerd that uses `store`, not AUTO; return its path.

    Raises OSError, ValueError where the image's own is no JSON.
    """
    own = json.loads(_DAEMON_JSON.read_text()) if _DAEMON_JSON.exists() else {}
    _CONFIG.write_text(json.dumps(daemon_config(own, store)))
    return _CONFIG


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
