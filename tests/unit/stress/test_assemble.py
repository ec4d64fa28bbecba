from __future__ import annotations

from dataclasses import replace

from inception.plan.engine.options import parse_level_image, parse_level_runtime
from inception.plan.engine.seeds import ImageFacts
from inception.plan.request import ImageStore, parse_level_store
from inception.stress.assemble import level_engines
from inception.stress.report.page import page
from inception.stress.report.record import LevelEngines
from tests.factories.plans import FACTS, IMAGE, plan
from tests.factories.stress_reports import report

OTHER = ImageFacts(name="level:b", image_id="sha256:b", engine_version="28.5.2")


def test_levels_in_a_row_with_one_engine_are_reported_together() -> None:
    made = plan(
        4,
        replace(FACTS, images=(IMAGE, OTHER)),
        level_images=(parse_level_image("3-=level:b"),),
        image_store=(parse_level_store("4=containerd"),),
        runtimes=(parse_level_runtime("4=crun"),),
    )
    auto = ImageStore.AUTO.value
    assert level_engines(made) == (
        LevelEngines(first=1, last=2, image=IMAGE.name, engine_version="26.1.5", image_store=auto),
        LevelEngines(first=3, last=3, image=OTHER.name, engine_version="28.5.2", image_store=auto),
        LevelEngines(
            first=4, last=4, image=OTHER.name, engine_version="28.5.2", image_store="containerd", runtime="crun"
        ),
    )


def test_the_page_says_which_engine_each_level_has() -> None:
    crun = LevelEngines(
        first=3, last=3, image="level:b", engine_version="28.5.2", image_store="containerd", runtime="crun"
    )
    unknown = LevelEngines(first=1, last=2, image="level:a", engine_version="", image_store="auto")
    made = report()
    text = page(replace(made, environment=replace(made.environment, level_engines=(unknown, crun))))
    for shown in ("levels 1-2", "Docker unknown, auto, level:a", "level 3", "Docker 28.5.2, containerd, crun, level:b"):
        assert shown in text
