from __future__ import annotations

from dataclasses import replace

import pytest

from inception.cli.output import engines_text
from inception.cli.tables import plan_table
from inception.plan.engine.options import parse_level_image, parse_level_runtime
from inception.plan.engine.seeds import ImageFacts
from inception.plan.request import parse_level_store
from tests.factories.plans import FACTS, IMAGE, plan

OTHER = ImageFacts(name="level:b", image_id="sha256:b", engine_version="28.5.2")
MIXED = plan(
    4,
    replace(FACTS, images=(IMAGE, OTHER)),
    level_images=(parse_level_image("2=level:b"), parse_level_image("4=level:b")),
    image_store=(parse_level_store("overlay2"), parse_level_store("4=containerd")),
    runtimes=(parse_level_runtime("4=crun"),),
)


def test_a_plan_shows_the_image_the_engine_and_the_store_of_each_level(capsys: pytest.CaptureFixture[str]) -> None:
    plan_table(MIXED, missing=())
    lines = capsys.readouterr().out.splitlines()
    assert "image 1,3       inception-level:test" in lines
    assert "image 2,4       level:b" in lines
    assert [line.split()[2:4] for line in lines[-4:]] == [
        ["26.1.5", "overlay2"],
        ["28.5.2", "overlay2"],
        ["26.1.5", "overlay2"],
        ["28.5.2", "containerd,"],
    ]


def test_a_plan_with_one_image_names_no_levels(capsys: pytest.CaptureFixture[str]) -> None:
    plan_table(plan(3), missing=(IMAGE.name,))
    assert f"image           {IMAGE.name}  (missing: it will be built)" in capsys.readouterr().out.splitlines()


def test_the_engines_of_levels_in_a_row_are_named_once() -> None:
    assert engines_text(plan(3)) == "26.1.5 auto 1-3"
    assert engines_text(MIXED) == "26.1.5 overlay2 1, 28.5.2 overlay2 2, 26.1.5 overlay2 3, 28.5.2 containerd 4"
