from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from inception.level.early.processes import Daemon
from inception.level.failure import PhaseError
from inception.level.programs.make_seed import check_store, copy_base_seed, name_by_digests, wait_for_dockerd
from inception.plan.request import ImageStore
from inception.plan.time_limits import TimeLimits


@pytest.mark.parametrize(
    ("store", "said"),
    [
        (ImageStore.AUTO, "dockerd ended with status 1"),
        (ImageStore.CONTAINERD, "its engine does not start with image store containerd: dockerd ended with status 1"),
    ],
)
def test_an_engine_that_does_not_start_with_the_store_asked_for_is_said_to_lack_it(
    store: ImageStore, said: str
) -> None:
    with subprocess.Popen(["false"]) as process:
        process.wait()
        with pytest.raises(PhaseError) as failed:
            wait_for_dockerd(Daemon("dockerd", process), store, TimeLimits())
    assert str(failed.value) == said


def test_an_image_is_known_by_the_digests_of_registries_too(tmp_path: Path) -> None:
    file = tmp_path / "image/overlay2/repositories.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"Repositories": {"app": {"app:1": "sha256:a"}}}')
    name_by_digests(tmp_path, ["sha256:a"], ["app@sha256:0", "far:5000/app@sha256:0"])
    assert json.loads(file.read_text()) == {
        "Repositories": {
            "app": {"app:1": "sha256:a", "app@sha256:0": "sha256:a"},
            "far:5000/app": {"far:5000/app@sha256:0": "sha256:a"},
        }
    }


def test_an_engine_too_old_for_containerds_store_is_refused_before_it_is_started() -> None:
    with pytest.raises(PhaseError, match=r"^Docker 20\.10\.24\+dfsg1 cannot keep images in containerd's store"):
        check_store(ImageStore.CONTAINERD, "Docker version 20.10.24+dfsg1, build 297e128\n")
    check_store(ImageStore.OVERLAY2, "Docker version 20.10.24+dfsg1, build 297e128\n")
    check_store(ImageStore.CONTAINERD, "Docker version 28.5.2, build 89c5e8f\n")


def test_seed_to_begin_with_is_copied_where_it_is_there(tmp_path: Path) -> None:
    base, target = tmp_path / "base", tmp_path / "target"
    target.mkdir()
    copy_base_seed(base, target)
    assert list(target.iterdir()) == []
    (base / "data-root/image").mkdir(parents=True)
    (base / "data-root/image/layer").symlink_to("../layers/one")
    (base / "image.tar").write_text("image")
    (base / "seed.json").write_text("{}")
    copy_base_seed(base, target)
    assert {it.name for it in target.iterdir()} == {"data-root", "image.tar"}, "seed.json says that it is complete"
    assert (target / "data-root/image/layer").readlink() == Path("../layers/one")
    (base / "image.tar").unlink()
    with pytest.raises(PhaseError, match="the seed to begin with cannot be copied: cp: "):
        copy_base_seed(base, target)
