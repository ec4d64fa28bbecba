"""A level image and its seeds, one for each image store that was asked for."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import docker
import pytest

from inception.errors import ImageError
from inception.image.recipe import LABEL_ENGINE, LABEL_RECIPE
from inception.image.store import list_images, load_image, remove_image
from inception.plan.engine.seeds import seed_volume_name
from inception.plan.request import ImageStore

IMAGE_ID = "sha256:" + "0123456789abcdef" * 4


def _engine(*volumes: str, **labels: str) -> Mock:
    image = {
        "Id": IMAGE_ID,
        "RepoTags": ["level:1"],
        "Size": 1,
        "Created": 1,
        "Labels": {LABEL_RECIPE: "digest", **labels},
    }
    return Mock(
        images=Mock(return_value=[image]),
        volumes=Mock(return_value={"Volumes": [{"Name": name} for name in volumes]}),
        inspect_image=Mock(return_value={"Id": IMAGE_ID}),
        containers=Mock(return_value=[]),
        remove_volume=Mock(side_effect=lambda name: _remove(name, volumes)),
    )


def _remove(name: str, volumes: tuple[str, ...]) -> None:
    if name not in volumes:
        raise docker.errors.NotFound("404 Client Error")


def test_each_image_store_has_a_seed_of_its_own() -> None:
    assert len({seed_volume_name(IMAGE_ID, store) for store in ImageStore}) == len(ImageStore)
    assert seed_volume_name(IMAGE_ID) == "inception-seed-0123456789ab"


def test_an_image_is_listed_with_its_first_seed_and_its_engine() -> None:
    seed = seed_volume_name(IMAGE_ID, ImageStore.CONTAINERD)
    [image] = list_images(_engine(seed, **{LABEL_ENGINE: "28.5.2"}))
    assert (image.seed, image.engine_version) == (seed, "28.5.2")
    [image] = list_images(_engine())
    assert (image.seed, image.engine_version) == (None, "")


def test_an_image_is_removed_with_its_seeds_and_those_that_its_engine_has_made() -> None:
    other = "sha256:" + "f" * 64
    own = {
        seed_volume_name(IMAGE_ID),
        seed_volume_name(IMAGE_ID, ImageStore.CONTAINERD),
        seed_volume_name(IMAGE_ID, engine_image_id=other),
        seed_volume_name(other, engine_image_id=IMAGE_ID),
    }
    engine = _engine(*own, seed_volume_name(other), "data")
    remove_image(engine, "level:1")
    assert {call.args[0] for call in engine.remove_volume.call_args_list} == own
    engine.remove_image.assert_called_once_with("level:1")


def _loading(*messages: dict[str, str]) -> Mock:
    return Mock(load_image=Mock(return_value=iter(messages)))


def test_loaded_images_are_named_by_tag_or_id(tmp_path: Path) -> None:
    (tmp_path / "level.tar").write_bytes(b"archive")
    messages = [
        {"status": "Loading layer"},
        {"stream": "Loaded image: level:1\n"},
        {"stream": f"Loaded image ID: {IMAGE_ID}\n"},
    ]
    assert load_image(_loading(*messages), tmp_path / "level.tar") == ("level:1", IMAGE_ID)


def test_file_that_is_no_image_is_refused_in_the_engines_words(tmp_path: Path) -> None:
    file = tmp_path / "level.tar"
    with pytest.raises(ImageError, match=r"level\.tar cannot be read: No such file or directory"):
        load_image(_loading(), file)
    file.write_bytes(b"")
    with pytest.raises(ImageError, match=r"level\.tar holds no image"):
        load_image(_loading(), file)
    with pytest.raises(ImageError, match=r"level\.tar cannot be loaded: unexpected EOF"):
        load_image(_loading({"error": "unexpected EOF\n"}), file)
