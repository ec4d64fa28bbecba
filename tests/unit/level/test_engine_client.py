"""A loaded image gets the chain's name for it, whatever name the engine that saved it gave it."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from inception.level.engine_client import load_as
from inception.level.failure import PhaseError


def _engine(*messages: dict[str, str]) -> Mock:
    return Mock(load_image=Mock(return_value=iter(messages)))


@pytest.fixture
def tarball(tmp_path: Path) -> Path:
    file = tmp_path / "image.tar"
    file.touch()
    return file


@pytest.mark.parametrize(
    "said", ["Loaded image: localhost/level:1", "Loaded image ID: sha256:0123"], ids=["from Podman", "without a name"]
)
def test_an_image_of_another_name_is_tagged(said: str, tarball: Path) -> None:
    engine = _engine({"status": "Loading layer"}, {"stream": f"{said}\n"})
    load_as(engine, tarball, "level:1")
    engine.tag.assert_called_once_with(said.rsplit(maxsplit=1)[-1], "level:1")


def test_an_image_of_that_name_is_left_alone(tarball: Path) -> None:
    engine = _engine({"stream": "Loaded image: level:1\n"})
    load_as(engine, tarball, "level:1")
    engine.tag.assert_not_called()


def test_a_refusal_to_load_is_raised(tarball: Path) -> None:
    with pytest.raises(PhaseError, match="no space left"):
        load_as(_engine({"error": "no space left"}), tarball, "level:1")
