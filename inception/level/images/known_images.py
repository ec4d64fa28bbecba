"""Find out which preloads an engine has after a graft, in as few requests as that takes."""

from __future__ import annotations

import logging

from inception.level.api.client import ApiError, EngineApi
from inception.level.images.graft import Seed, SeedPreload
from inception.plan.request import ImageStore

_log = logging.getLogger(__name__)


def unknown_preloads(api: EngineApi, seed: Seed) -> tuple[SeedPreload, ...]:
    """Return those preloads of which an engine that knows the level image of `seed` lacks an image.

    overlay2 has files for each image, which dockerd passes over if they are damaged: it lists all images, and one that
    the list lacks is asked for by itself. containerd has all images in the one file that the level image is in, so that
    an engine which knows that one knows them all; to list them takes it 6 to 10 ms an image.
    """
    if not seed.preloads or seed.store is ImageStore.CONTAINERD:
        return ()
    listed = _listed(api)
    return tuple(
        preload
        for preload in seed.preloads
        if not all(it in listed or api.image_id(it) == it for it in preload.image_ids)
    )


def _listed(api: EngineApi) -> frozenset[str]:
    try:
        return api.image_ids()
    except ApiError as error:
        # One damaged image, and an engine may list none.
        _log.debug("images cannot be listed: %s", error)
        return frozenset()
