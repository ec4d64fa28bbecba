"""A level image whose engine uses containerd's image store, and no version of the API below 1.44, as Docker 29.0's."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.types import Mount

from inception import attach
from inception.chain.prepare import prepare
from inception.engine.connect import Engine, EngineChoice, connect
from inception.image.store import remove_image
from inception.plan.engine.options import parse_level_image
from inception.plan.engine.seeds import seed_volume_name
from inception.plan.light_dataclasses import replace
from inception.plan.request import Request, parse_level_store
from tests.integration.conftest import RunInception, wait_for
from tests.integration.container_output import lingering, output_of_container
from tests.integration.tiny import TINY_IMAGE, import_tiny_image

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("own_run_root")]

TAG = "inception-level-test:containerd"
CONFIG = {"features": {"containerd-snapshotter": True}, "labels": ["of=image"], "mtu": 1400, "data-root": "/elsewhere"}
MOVE_DATABASE = "mv /seed/data-root/containerd-root/io.containerd.metadata.v1.bolt /seed/gone"


@pytest.fixture(scope="module")
def image(engine: Engine, level_image: str) -> Iterator[str]:
    """Give the id at level 0 of the level image with a configuration of its own for dockerd; it has a seed."""
    client = engine.client
    container = client.create_container(image=level_image, command=["true"])["Id"]
    try:
        client.put_archive(container, "/etc", _archive("docker/daemon.json", json.dumps(CONFIG).encode()))
        repository, _, tag = TAG.partition(":")
        changes = ["ENV DOCKER_MIN_API_VERSION=1.44"]
        image_id: str = client.commit(container, repository=repository, tag=tag, changes=changes)["Id"]
    finally:
        client.remove_container(container, force=True)
    prepare(engine, Request(depth=1, name="warm-up", image=TAG), print)
    prepare(
        engine, Request(depth=2, name="mixed", image=level_image, level_images=(parse_level_image(f"2={TAG}"),)), print
    )
    yield image_id
    remove_image(client, TAG)


@pytest.fixture(scope="module")
def tiny_image(engine: Engine) -> Iterator[None]:
    """Import an image that is no level image."""
    import_tiny_image(engine.client)
    yield
    engine.client.remove_image(TINY_IMAGE)


def _archive(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        header = tarfile.TarInfo(name)
        header.size = len(content)
        archive.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def test_seed_in_the_store_that_the_engine_chooses_by_itself_is_copied(
    engine: Engine, level_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = prepare(engine, Request(depth=1, name="own", image=level_image), print).seed_of(1)
    volume = seed_volume_name(chosen.image_id, chosen.store)
    if volume in {it["Name"] for it in engine.client.volumes()["Volumes"]}:
        engine.client.remove_volume(volume)
    monkeypatch.setattr(engine.client, "get_image", None)  # Without a copy it would be called.
    wanted = Request(depth=1, name="same", image=level_image, image_store=(parse_level_store(chosen.store),))
    assert prepare(engine, wanted, print).seed_of(1) == replace(chosen, volume=volume)


@pytest.mark.usefixtures("unchanged_host")
@pytest.mark.parametrize("store", ["auto", "overlay2"])
def test_seed_on_the_engine_of_a_level_is_a_copy_of_the_levels_own(
    run_inception: RunInception, level_image: str, own_run_root: Path, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    assert run_inception("up", "--depth", "1", "--name", "outer").returncode == 0
    try:
        with connect(EngineChoice.HOST, endpoint=f"unix://{own_run_root}/outer/1/docker.sock", on_message=print) as own:
            monkeypatch.setattr(own.client, "get_image", None)  # Without a copy it would be called.
            wanted = Request(depth=1, name="inner", image=level_image, image_store=(parse_level_store(store),))
            seed = prepare(own, wanted, print).seed_of(1)
            assert (seed.store, seed.engine_version) == ("overlay2", own.client.version()["Version"])
            assert [it["Name"] for it in own.client.volumes()["Volumes"]] == [seed.volume]
    finally:
        run_inception("down", "outer")


@pytest.mark.usefixtures("unchanged_host", "image")
def test_a_chain_on_containerds_store_runs_builds_restarts_prunes_and_grows(run_inception: RunInception) -> None:
    options = ("--image", TAG, "--image-transfer", "graft", "--restart-engines")
    started = run_inception("up", "--depth", "3", "--name", "stores", *options)
    assert started.returncode == 0, started.stderr
    assert started.stderr.count(b"/etc/docker/daemon.json sets data-root, which is fixed here") == 1
    try:
        with attach("stores") as levels:
            seen = [levels[1].info(), levels[3].info()]
            assert [(it["Driver"], it["Labels"]) for it in seen] == [("overlayfs", ["of=image"])] * len(seen)
            for number in (1, 3):
                with pytest.raises(docker.errors.APIError, match=r"client version 1\.41 is too old"):
                    docker.APIClient(levels.address(number), version="1.41").ping()
            lasting = levels.bottom.containers.run(TAG, ["sleep", "1000"], detach=True)
            _restart_bottom(run_inception)
            built, _ = levels.bottom.images.build(
                fileobj=io.BytesIO(f"FROM {TAG}\nRUN echo grown > /new\n".encode()), tag="built", rm=True
            )

            _delete_images(levels[1].api)
            lasting.reload()
            assert lasting.status == "running"
            assert output_of_container(levels.bottom, built, ["cat", "/new"]) == b"grown\n"
            assert output_of_container(levels.bottom, TAG, ["echo", "whole"]) == b"whole\n"
            lasting.remove(force=True)
            _delete_images(levels[3].api)

        grown = run_inception("grow", "stores")
        assert grown.returncode == 0, grown.stderr
        assert f"{TAG} was removed from the engine of level 3: loading it again" in grown.stderr.decode()
        with attach("stores") as levels:
            assert output_of_container(levels[4], TAG, ["echo", "deeper"]) == b"deeper\n"
            # No container of level 4 keeps the image's files there.
            _delete_images(levels[4].api)
            assert levels[4].images.list(all=True) == []
            assert output_of_container(levels[3], TAG, ["echo", "whole"]) == b"whole\n"
    finally:
        run_inception("down", "stores")


def _restart_bottom(run_inception: RunInception) -> None:
    """Kill the dockerd of level 3, and wait until another one answers."""
    assert run_inception("exec", "stores", "--", "pkill", "-KILL", "-x", "dockerd").returncode == 0
    wait_for(lambda: b"level 3: engine restarted in" in run_inception("tree", "stores").stdout, 20, "no restart")


def _delete_images(client: docker.APIClient) -> None:
    """Do what `docker rmi -f` and `docker system prune -af` do to the image of the level below."""
    client.remove_image(TAG, force=True)
    client.prune_containers()
    client.prune_images(filters={"dangling": False})
    client.prune_builds()
    with pytest.raises(docker.errors.ImageNotFound):
        client.inspect_image(TAG)


@pytest.mark.usefixtures("unchanged_host", "image")
def test_a_chain_of_two_images_has_both_stores_and_grows_by_either(
    run_inception: RunInception, level_image: str
) -> None:
    options = ("--level-image", f"2={TAG}", "--image-transfer", "graft")
    started = run_inception("up", "--depth", "2", "--name", "mixed", *options)
    assert started.returncode == 0, started.stderr
    try:
        (chain,) = json.loads(run_inception("ls", "--json").stdout)
        engines = [(level["image"], level["image_store"]) for level in chain["levels"]]
        assert engines == [(level_image, "overlay2"), (TAG, "containerd")]
        version = chain["levels"][0]["engine_version"]
        assert f"{version} overlay2 1, {version} containerd 2" in run_inception("ls").stdout.decode()
        with attach("mixed") as levels:
            assert [levels[number].info()["Driver"] for number in (1, 2)] == ["overlay2", "overlayfs"]
            assert levels[1].version()["Version"] == version
            assert (levels.image_at(1), levels.image) == (TAG, TAG)
            built, _ = levels.bottom.images.build(
                fileobj=io.BytesIO(f"FROM {TAG}\nRUN echo grown > /new\n".encode()), tag="built", rm=True
            )
            assert output_of_container(levels.bottom, built, ["cat", "/new"]) == b"grown\n"
            levels.bottom.images.remove("built")

        grown = run_inception("grow", "mixed", "+2", "--image", level_image)
        assert grown.returncode == 0, grown.stderr
        assert f"level 2: loading {level_image}" in grown.stderr.decode()
        with attach("mixed") as levels:
            assert levels.plan.level(4).image == levels.image == level_image
            assert {levels[number].info()["Driver"] for number in (3, 4)} == {"overlay2"}
            assert output_of_container(levels.bottom, level_image, ["echo", "deeper"]) == b"deeper\n"
    finally:
        run_inception("down", "mixed")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--level-image", "2=nosuch:1"), "image nosuch:1 is not on this engine: see `inception image ls`"),
        (("--level-image", f"2={TINY_IMAGE}"), f"{TINY_IMAGE} is not a level image: "),
        (("--runtime", "2=crun"), "the image of level 2, inception-level:"),
        (
            ("--image-store", "2=vfs"),
            "'2=vfs' names no image store: they are auto, overlay2, containerd: ",
        ),
    ],
)
@pytest.mark.usefixtures("unchanged_host", "tiny_image", "level_image")
def test_what_a_level_cannot_have_is_refused_in_one_line(
    run_inception: RunInception, arguments: tuple[str, str], said: str
) -> None:
    ended = run_inception("--quiet", "--depth", "2", *arguments, "--", "true")
    assert ended.returncode in {2, 125}
    (line,) = ended.stderr.decode().splitlines()
    assert said in line


@pytest.mark.usefixtures("unchanged_host", "image")
def test_verify_accepts_an_image_whose_id_differs_between_the_stores(run_inception: RunInception) -> None:
    ended = run_inception("image", "verify", TAG, "--json")
    assert [check for check in json.loads(ended.stdout) if check["failed"]] == []


@pytest.mark.usefixtures("unchanged_host")
def test_what_cannot_be_grafted_is_loaded_into_containerds_store(
    run_inception: RunInception, engine: Engine, image: str
) -> None:
    mount = Mount("/seed", seed_volume_name(image), type="volume")
    container = engine.client.create_container(
        TAG, ["sh", "-c", MOVE_DATABASE], host_config=engine.client.create_host_config(mounts=[mount])
    )
    try:
        engine.client.start(container)
        assert engine.client.wait(container)["StatusCode"] == 0
    finally:
        engine.client.remove_container(container)
    run = ("docker", "run", "--rm", TAG, *lingering("echo", "loaded"))
    ended = run_inception("--depth", "2", "--image", TAG, "--", *run)
    assert ended.stdout == b"loaded\n", ended.stderr
    notes = [line for line in ended.stderr.decode().splitlines() if "loading it instead" in line]
    assert len(notes) == 2, ended.stderr
    assert "meta.db" in notes[0]
