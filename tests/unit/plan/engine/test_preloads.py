"""Which volume a set of preloads has its seed in, and how preloads are told from files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inception.plan.engine.preloads import Preload, distinct_preloads, names_file, show_preload
from inception.plan.engine.seeds import ImageFacts, bases_of, is_seed_of, preloads_in, seed_volume_name
from inception.plan.request import ImageTransfer, parse_level_store
from tests.factories.plans import FACTS, IMAGE, IMAGE_ID, plan

APP = Preload(source="app:1", identity="sha256:a", names=("app:1", "app:latest"), size=10_000_000)
BASE = Preload(source="base", identity="sha256:b", names=("base:latest",), digests=("base@sha256:0",))
ARCHIVE = Preload(source="/x/images.tar", identity="archive:0", names=("one:1", "two:1"))


def test_a_set_of_preloads_has_one_seed_in_whatever_order_it_is_given() -> None:
    volume = seed_volume_name(IMAGE_ID, preloads=(APP, BASE))
    assert volume == seed_volume_name(IMAGE_ID, preloads=(BASE, APP, APP))
    assert is_seed_of(volume, IMAGE_ID)
    others = [(), (APP,), (APP, replace(BASE, names=())), (APP, replace(BASE, digests=()))]
    assert volume not in {seed_volume_name(IMAGE_ID, preloads=it) for it in others}


def test_seed_begins_as_a_copy_of_the_one_that_a_chain_without_preloads_or_store_has() -> None:
    (own_choice, *_) = plan(2).seeds
    (overlay2, *_) = plan(2, image_store=(parse_level_store("overlay2"),)).seeds
    assert bases_of(own_choice) == ()
    assert bases_of(overlay2) == (own_choice,)
    facts = replace(FACTS, preloads=(APP,))
    assert bases_of(plan(2, facts).seeds[0]) == (own_choice,)
    assert bases_of(plan(2, facts, image_store=(parse_level_store("overlay2"),)).seeds[0]) == (overlay2, own_choice)


def test_each_seed_of_a_chain_has_all_preloads() -> None:
    other = ImageFacts(name="level:b", image_id="sha256:c")
    made = plan(3, replace(FACTS, images=(IMAGE, other), preloads=(BASE, APP)))
    assert {seed.preloads for seed in made.seeds} == {(APP, BASE)}
    # A chain that grows is planned from the seeds that it has.
    assert plan(4, replace(FACTS, seeds=made.seeds)).seeds == made.seeds
    assert preloads_in(made.seeds) == distinct_preloads((BASE, APP))


def test_preloads_take_room_where_they_are_loaded_and_none_where_they_are_grafted() -> None:
    facts = replace(FACTS, preloads=(APP,))
    assert plan(4, facts).estimate == plan(4).estimate
    by_loading = [plan(4, it, image_transfer=ImageTransfer.LOAD).estimate.disk for it in (FACTS, facts)]
    assert by_loading[1] - by_loading[0] == 4 * APP.size


@pytest.mark.parametrize(
    ("text", "is_file"),
    [("app", False), ("a.b/app:1", False), ("app@sha256:0", False), ("./app", True), ("/app", True), ("a.tar", True)],
)
def test_a_path_or_the_ending_of_an_archive_means_a_file(text: str, is_file: bool) -> None:
    assert names_file(text) is is_file


def test_an_archive_is_shown_with_its_images() -> None:
    assert [show_preload(it) for it in (APP, ARCHIVE)] == ["app:1", "images.tar (one:1, two:1)"]
