from __future__ import annotations

from unittest.mock import Mock

import docker
import pytest

from inception.errors import ImageError
from inception.image.runtimes import check_runtimes
from inception.plan.engine.options import parse_level_image, parse_level_runtime
from tests.factories.plans import request

ASKED = request(
    4,
    level_images=(parse_level_image("3=level:b"),),
    runtimes=tuple(map(parse_level_runtime, ("2-=crun", "4=/x/runc"))),
)


def _engine(*programs: str) -> Mock:
    def archive(container: str, path: str) -> tuple[list[bytes], object]:
        if f"{container}{path}" not in programs:
            raise docker.errors.NotFound("404 Client Error")
        return [b""], None

    return Mock(create_container=lambda image, **_: {"Id": image}, get_archive=archive)


def test_each_image_is_searched_for_the_runtimes_of_its_levels() -> None:
    engine = _engine("inception-level:test/usr/bin/crun", "level:b/usr/local/bin/crun", "inception-level:test/x/runc")
    check_runtimes(engine, ASKED)
    removed = [call.args[0] for call in engine.remove_container.call_args_list]
    assert removed == ["inception-level:test", "level:b", "inception-level:test"]


def test_a_runtime_that_an_image_lacks_is_refused_with_the_level_and_the_image() -> None:
    engine = _engine("inception-level:test/usr/bin/crun", "inception-level:test/x/runc")
    with pytest.raises(ImageError, match=r"the image of level 3, level:b, has no runtime crun: .* --package crun"):
        check_runtimes(engine, ASKED)
    assert engine.remove_container.call_count == 2


def test_without_a_runtime_no_container_is_made() -> None:
    check_runtimes(Mock(create_container=Mock(side_effect=AssertionError)), request(4))
