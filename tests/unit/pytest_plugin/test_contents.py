"""Restoring an engine, as far as it is a decision: see tests/integration/test_pytest_plugin.py for the rest."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import docker
import pytest
import requests

from inception.pytest_plugin.contents import Contents, NotRestored, removable, restore, restored


def contents(*images: tuple[str, str | None]) -> Contents:
    return Contents(containers=frozenset(), networks=frozenset(), volumes=frozenset(), images=frozenset(images))


@pytest.mark.parametrize(
    ("before", "now", "to_remove"),
    [
        ([("a", "level:1")], [("a", "level:1"), ("b", "new:1"), ("b", "new:2")], {"b"}),
        ([("a", "level:1")], [("a", "level:1"), ("a", "other:1")], {"other:1"}),
        ([("a", "level:1")], [("a", "level:1"), ("c", None)], {"c"}),
        ([("a", "level:1")], [("a", None)], {"a"}),
    ],
)
def test_new_images_go_whole_and_old_ones_lose_their_new_tags(
    before: list[tuple[str, str]], now: list[tuple[str, str | None]], to_remove: set[str]
) -> None:
    assert removable(contents(*before), contents(*now)) == to_remove


class FakeEngine:
    """An engine with images, some of which others are made from."""

    def __init__(self, images: dict[str, str | None]) -> None:
        self.images_and_parents = images
        self.networks_now = [{"Id": "bridge"}]
        self.pruned = False

    def containers(self, *, all: bool) -> list[Any]:  # noqa: A002 - the SDK's name
        assert all
        return []

    def networks(self) -> list[dict[str, str]]:
        return self.networks_now

    def volumes(self) -> dict[str, None]:
        return {"Volumes": None}

    def images(self) -> list[dict[str, Any]]:
        return [{"Id": it, "RepoTags": [f"{it}:1"]} for it in self.images_and_parents]

    def remove_image(self, image: str, *, force: bool) -> None:
        assert force
        if image in self.images_and_parents.values():
            response = requests.Response()
            response.status_code = HTTPStatus.CONFLICT
            raise docker.errors.APIError("it has dependent child images", response)
        del self.images_and_parents[image]

    def prune_builds(self, *, all: bool) -> None:  # noqa: A002 - the SDK's name
        self.pruned = all


def test_images_that_others_are_made_from_are_removed_last() -> None:
    engine = FakeEngine({"level": None})
    with restored(engine):  # type: ignore[arg-type]
        engine.images_and_parents.update({"base": None, "middle": "base", "top": "middle"})
    assert engine.images_and_parents == {"level": None}
    assert engine.pruned


def test_what_is_gone_or_stays_is_named() -> None:
    engine = FakeEngine({"level": None})
    before = Contents.of(engine)  # type: ignore[arg-type]
    engine.networks_now = []
    engine.images_and_parents = {"level": None, "kept": "kept"}
    with pytest.raises(NotRestored) as caught:
        restore(engine, before)  # type: ignore[arg-type]
    assert (
        str(caught.value) == "networks that were there are gone: bridge; images cannot be removed: ('kept', 'kept:1')"
    )


def test_an_engine_that_does_not_answer_cannot_be_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine({"level": None})

    def fail() -> None:
        raise requests.exceptions.ConnectionError("refused")

    with pytest.raises(NotRestored, match="the engine cannot be restored: refused"), restored(engine):  # type: ignore[arg-type]
        monkeypatch.setattr(engine, "networks", fail)
