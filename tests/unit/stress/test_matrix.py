from __future__ import annotations

from dataclasses import replace

import pytest

from inception.callbacks import ignore
from inception.errors import ImageError, Interrupted, UsageError
from inception.plan.engine.options import parse_level_image
from inception.plan.request import ImageStore, Request, parse_level_store
from inception.stress.campaign import Campaign
from inception.stress.matrix import MatrixEngine, MatrixRun, check_matrix, parse_matrix, request_of_pair, run_matrix
from inception.stress.run import CampaignRun
from tests.factories.stress_reports import report

OLD, NEW = MatrixEngine(image="old"), MatrixEngine(image="new", store=ImageStore.CONTAINERD)
REQUEST = Request(depth=3, name="dream", image="default")


def test_engines_are_tags_with_or_without_a_store() -> None:
    assert parse_matrix("old, new=containerd") == (OLD, NEW)
    tag = "registry.example:5000/level:forky-1@sha256:0"
    assert parse_matrix(tag) == (MatrixEngine(image=tag),)
    assert [str(it) for it in (OLD, NEW)] == ["old", "new=containerd"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("old,", "names no image in ''"),
        ("=overlay2", "names no image"),
        ("old=zfs", "'zfs' in --matrix is no image store"),
        ("old=", "'' in --matrix is no image store"),
        ("old,new,old", "names old twice"),
    ],
)
def test_wrong_engines_are_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        parse_matrix(text)
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (replace(REQUEST, depth=1), "two levels"),
        (replace(REQUEST, image="mine"), "and --image too"),
        (replace(REQUEST, level_images=(parse_level_image("2=x"),)), "--level-image"),
        (replace(REQUEST, image_store=(parse_level_store("overlay2"),)), "--image-store"),
    ],
)
def test_options_that_choose_the_engines_otherwise_are_refused(request_: Request, said: str) -> None:
    check_matrix(Campaign(request=REQUEST), default_image="default")
    with pytest.raises(UsageError, match=said):
        check_matrix(Campaign(request=request_), default_image="default")


def test_the_outer_engine_is_at_level_1_and_the_inner_one_below() -> None:
    request = request_of_pair(REQUEST, OLD, NEW)
    assert [request.image_of(number) for number in (1, 2, 3)] == ["old", "new", "new"]
    stores = [request.image_store_of(number) for number in (1, 2, 3)]
    assert stores == [ImageStore.AUTO, ImageStore.CONTAINERD, ImageStore.CONTAINERD]


def _run(*endings: CampaignRun | BaseException) -> tuple[MatrixRun, list[tuple[str, str, str]]]:
    """Run a table of two engines whose campaigns end in turn as `endings` say; return it and what was run."""
    left, ran = list(endings), []

    def run(campaign: Campaign, name: str) -> CampaignRun:
        ran.append((name, campaign.request.image_of(1), campaign.request.image_of(2)))
        ending = left.pop(0)
        if isinstance(ending, BaseException):
            raise ending
        return ending

    done = run_matrix(
        Campaign(request=REQUEST), (OLD, NEW), {"old": "20.10.24"}, run=run, command=("it",), on_message=ignore
    )
    return done, ran


def test_a_pair_that_fails_is_a_result_and_the_next_one_is_tried() -> None:
    good = CampaignRun(report=report())
    done, ran = _run(good, ImageError("no seed", remedy="make one"), good, good)
    assert ran == [("1-1", "old", "old"), ("1-2", "old", "new"), ("2-1", "new", "old"), ("2-2", "new", "new")]
    assert done.interruption is None
    assert [(it.outer, it.inner, it.works) for it in done.matrix.pairs] == [
        *((1, 1, True), (1, 2, False)),
        *((2, 1, True), (2, 2, True)),
    ]
    assert done.matrix.pairs[1].cause == "no seed"
    assert [it.engine_version for it in done.matrix.engines] == ["20.10.24", ""]


def test_a_signal_ends_the_table_with_the_pairs_so_far() -> None:
    good = CampaignRun(report=report())
    signal = Interrupted(2)
    for ending in (signal, CampaignRun(report=report(), interruption=signal)):
        done, ran = _run(good, ending)
        assert len(ran) == 2
        assert [(it.outer, it.inner) for it in done.matrix.pairs] == [(1, 1)]
        assert done.interruption is signal
