"""The programs that an image is asked for follow from its labels."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from inception.chain.verify import PROGRAMS, programs_of
from inception.image.recipe import LABEL_WITHOUT, find_recipe


def _image(config: dict[str, object] | None) -> Mock:
    return Mock(inspect_image=Mock(return_value={"Id": "1", "Config": config}))


@pytest.mark.parametrize("config", [None, {}, {"Labels": None}, {"Labels": {}}])
def test_an_image_is_asked_for_all_programs(config: dict[str, object] | None) -> None:
    assert programs_of(_image(config), "level:1") == PROGRAMS
    names = {program.name for program in PROGRAMS}
    assert names >= {"xz", "unpigz", "zstd", "git", "ssh", "docker", "docker buildx", "docker compose", "python3"}


def test_a_slim_image_is_asked_for_no_program_of_a_package_that_it_lacks() -> None:
    left_out = find_recipe(slim=True).left_out()
    programs = programs_of(_image({"Labels": {LABEL_WITHOUT: ",".join(left_out)}}), "level:1")
    missing = {program.name for program in PROGRAMS} - {program.name for program in programs}
    assert missing == {"docker buildx", "docker compose", "git", "ssh"}
