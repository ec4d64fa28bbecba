"""After a graft an engine is asked for its preloads: all in one request, however many they are, or in none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from inception.level.api.client import ApiError
from inception.level.images.graft import Seed, SeedPreload
from inception.level.images.known_images import unknown_preloads
from inception.plan.request import ImageStore

_PRELOADS = tuple(
    SeedPreload(archive=Path(f"preload-{index}.tar"), image_ids=(f"sha256:{index}", f"sha256:{index}b"), names=())
    for index in range(10)
)
_IDS = tuple(it for preload in _PRELOADS for it in preload.image_ids)
_SEED = Seed(directory=Path("seed"), image_id="sha256:level", store=ImageStore.OVERLAY2, preloads=_PRELOADS)


def _engine(listed: Any, **others: Any) -> Mock:  # noqa: ANN401 an answer or an error
    return Mock(image_ids=Mock(side_effect=[listed]), **others)


def _list_of(*ids: str) -> frozenset[str]:
    return frozenset(ids)


def test_one_request_finds_all_preloads() -> None:
    engine = _engine(_list_of("sha256:other", *_IDS))
    assert unknown_preloads(engine, _SEED) == ()
    engine.image_ids.assert_called_once_with()
    engine.image_id.assert_not_called()


def test_no_request_is_made_without_preloads() -> None:
    engine = _engine([])
    assert unknown_preloads(engine, replace(_SEED, preloads=())) == ()
    engine.image_ids.assert_not_called()


def test_no_request_is_made_for_what_is_in_one_file_of_containerd() -> None:
    engine = _engine([])
    assert unknown_preloads(engine, replace(_SEED, store=ImageStore.CONTAINERD)) == ()
    engine.image_ids.assert_not_called()
    engine.image_id.assert_not_called()


def test_a_preload_that_lacks_one_of_its_images_is_unknown() -> None:
    engine = _engine(_list_of(*_IDS[:-1]), image_id=Mock(return_value=None))
    assert unknown_preloads(engine, _SEED) == _PRELOADS[-1:]
    engine.image_id.assert_called_once_with(_IDS[-1])


def test_an_image_that_the_list_leaves_out_is_asked_for_by_itself() -> None:
    engine = _engine(_list_of(*_IDS[1:]), image_id=Mock(return_value=_IDS[0]))
    assert unknown_preloads(engine, _SEED) == ()


def test_an_engine_that_cannot_list_is_asked_for_each() -> None:
    damaged = ApiError(500, "layer does not exist")
    engine = _engine(damaged, image_id=Mock(side_effect=lambda image: image))
    assert unknown_preloads(engine, _SEED) == ()
    assert engine.image_id.call_count == len(_IDS)
