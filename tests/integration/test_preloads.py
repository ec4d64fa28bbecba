"""Images of level 0 in every level's engine: grafted into a new chain, loaded into a running one."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from inception import attach
from inception.callbacks import ignore
from inception.chain import prepare as preparing
from inception.chain.level_clients import Levels
from inception.chain.running import running
from inception.engine.connect import Engine
from inception.image.preloads import find_preloads
from inception.plan.engine.preloads import Preload
from inception.plan.engine.seeds import preloads_in
from inception.plan.request import ImageStore, ImageTransfer, Request, parse_level_store
from tests.integration.conftest import RunInception
from tests.integration.container_output import output_of_container
from tests.integration.tiny import TINY_IMAGE, import_tiny_image

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("own_run_root")]

LATEST = "inception-test:latest"
OTHERS = ("inception-test-archived:1", "inception-test-archived:2")
DIGEST = "inception-test@sha256:" + "0" * 64
STORES = ("overlay2", "containerd")
ONE = ["cat", "/one"]


def _with_file(client: docker.APIClient, tag: str, content: str) -> None:
    """Make an image of the tiny one with one more layer."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, text in (("Dockerfile", f"FROM {TINY_IMAGE}\nCOPY one /one\n"), ("one", content)):
            header = tarfile.TarInfo(name)
            header.size = len(text)
            archive.addfile(header, io.BytesIO(text.encode()))
    for _ in client.build(fileobj=io.BytesIO(context.getvalue()), custom_context=True, tag=tag, rm=True, decode=True):
        pass


@pytest.fixture(scope="module")
def archive(engine: Engine, level_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give an archive of two images that level 0 no longer has, while it has the tiny one by two names.

    Both stores have the plain seed, so that no test makes one.
    """
    client = engine.client
    file = tmp_path_factory.mktemp("archive") / "two.tar"
    import_tiny_image(client)
    client.tag(TINY_IMAGE, LATEST)
    for tag in OTHERS:
        _with_file(client, tag, tag)
    with file.open("wb") as saved:
        for chunk in client.get_image(OTHERS[0].partition(":")[0]):
            saved.write(chunk)
    for tag in OTHERS:
        client.remove_image(tag)
    before = {it["Name"] for it in client.volumes()["Volumes"] or ()}
    for store in STORES:
        preparing.prepare(engine, _request(level_image, store, ()), print)
    yield file
    for volume in {it["Name"] for it in client.volumes()["Volumes"] or ()} - before:
        client.remove_volume(volume)
    for tag in (TINY_IMAGE, LATEST):
        client.remove_image(tag)


@pytest.fixture
def seeded(engine: Engine, level_image: str, archive: Path, request: pytest.FixtureRequest) -> str:
    """Give the store that the test asks for, after the seed with the preloads is made in it: no other test needs it."""
    store: str = request.param
    preparing.prepare(engine, _request(level_image, store, (TINY_IMAGE, str(archive))), print)
    return store


def _request(image: str, store: str, preload: tuple[str, ...]) -> Request:
    return Request(depth=2, name="warm-up", image=image, image_store=(parse_level_store(store),), preload=preload)


@pytest.mark.parametrize("seeded", STORES, indirect=True)
def test_preloads_are_in_every_level_and_in_those_that_come_later(
    run_inception: RunInception, archive: Path, engine: Engine, seeded: str, unchanged_host: None
) -> None:
    del unchanged_host  # It looks after the seed is made, and that one stays.
    store = seeded
    options = ("--preload", TINY_IMAGE, "--preload", str(archive), "--image-store", store, "--image-transfer", "graft")
    started = run_inception("up", "--depth", "3", "--name", "full", *options)
    assert started.returncode == 0, started.stderr
    assert b"seed" not in started.stderr
    try:
        (chain,) = json.loads(run_inception("ls", "--json").stdout)
        shown = {TINY_IMAGE, f"{archive.name} ({', '.join(OTHERS)})"}
        assert set(chain["preloads"]) == shown
        tree = run_inception("tree", "full").stdout.decode()
        assert all(f"  preload {it}\n" in tree for it in shown)
        assert run_inception("grow", "full").returncode == 0
        with attach("full") as levels:
            ids = {str(levels[1].images.get(name).id) for name in (TINY_IMAGE, *OTHERS)}
            for number in range(1, 5):
                level = levels[number]
                assert level.images.get(TINY_IMAGE).id == level.images.get(LATEST).id
                assert {level.images.get(it).id for it in ids} == ids
                assert [output_of_container(level, it, ONE).decode() for it in OTHERS] == list(OTHERS)
            if store == "overlay2":
                assert engine.client.inspect_image(TINY_IMAGE)["Id"] in ids
            # What one level removes, the others keep.
            for name in (TINY_IMAGE, LATEST, *OTHERS):
                levels[2].images.remove(name)
            assert output_of_container(levels[3], OTHERS[0], ONE) == OTHERS[0].encode()
            assert output_of_container(levels[1], OTHERS[1], ONE) == OTHERS[1].encode()
    finally:
        run_inception("down", "full")


def test_loaded_preloads_have_the_same_names(run_inception: RunInception, archive: Path, level_image: str) -> None:
    del level_image
    options = ("--preload", TINY_IMAGE, "--preload", str(archive), "--image-store", "overlay2")
    seen = run_inception(
        *("--quiet", "--depth", "1", *options, "--image-transfer", "load"),
        *("--", "docker", "image", "inspect", "--format", "{{.Id}}", TINY_IMAGE, LATEST, *OTHERS),
    )
    assert seen.returncode == 0, seen.stderr
    tiny, latest, *others = seen.stdout.split()
    assert tiny == latest
    assert len(set(others)) == len(OTHERS)


@pytest.mark.usefixtures("archive")
def test_an_image_has_the_digests_of_registries_too(
    engine: Engine, level_image: str, run_inception: RunInception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Level 0 would have to pull for them: its answer is changed here, and the level's engine has to believe it."""

    def with_digest(client: docker.APIClient, sources: tuple[str, ...]) -> tuple[Preload, ...]:
        return tuple(replace(it, digests=(DIGEST,)) for it in find_preloads(client, sources))

    monkeypatch.setattr(preparing, "find_preloads", with_digest)
    wanted = Request(
        depth=1,
        name="digests",
        image=level_image,
        image_store=(parse_level_store("overlay2"),),
        image_transfer=ImageTransfer.GRAFT,
        preload=(TINY_IMAGE,),
    )
    plan = preparing.prepare(engine, wanted, print)
    (seed,) = plan.seeds
    assert (seed.store, preloads_in([seed])[0].digests) == (ImageStore.OVERLAY2, (DIGEST,))
    try:
        with running(engine.client, plan, ignore), Levels(plan) as levels:
            image = levels[1].images.get(DIGEST)
            assert image.attrs["RepoDigests"] == [DIGEST]
            assert output_of_container(levels[1], DIGEST, ["bash", "-c", "echo by digest"]) == b"by digest\n"
            assert seed.volume not in run_inception("prune", "--dry-run").stdout.decode()
        assert f"seed {seed.volume} with preloads" in run_inception("prune", "--dry-run").stdout.decode()
    finally:
        engine.client.remove_volume(seed.volume)
    assert run_inception("ls").stdout == b"no chains\n"


@pytest.mark.parametrize("store", STORES)
@pytest.mark.usefixtures("unchanged_host")
def test_a_running_chain_loads_images_at_the_levels_that_are_named(
    run_inception: RunInception, archive: Path, store: str
) -> None:
    assert run_inception("up", "--depth", "3", "--name", "late", "--image-store", store).returncode == 0
    try:
        loaded = run_inception("load", "late", TINY_IMAGE, str(archive), "--level", "2-")
        assert loaded.returncode == 0, loaded.stderr
        said = loaded.stderr.decode().splitlines()
        assert [line.split(",")[0] for line in said[-2:]] == [
            f"inception: late: level {number} has them" for number in (2, 3)
        ]
        with attach("late") as levels:
            for number in (2, 3):
                names = (TINY_IMAGE, LATEST, *OTHERS)
                assert all(levels[number].images.get(name) for name in names)
                assert output_of_container(levels[number], OTHERS[1], ONE) == OTHERS[1].encode()
            with pytest.raises(docker.errors.ImageNotFound):
                levels[1].images.get(TINY_IMAGE)
        for words, line in (
            (("late", "nosuch:1"), "preload nosuch:1 is no image of level 0: "),
            (("late", "nosuch.tar"), "preload nosuch.tar: there is no such file"),
            (("late", TINY_IMAGE, "--level", "4-"), "chain late has no level 4-: its levels are 1 to 3"),
            (("late", TINY_IMAGE, "--level", "x"), "'x' are no levels: write LEVELS like 2, 2-4 or 3-"),
            (("nosuch", TINY_IMAGE), "there is no chain named nosuch: "),
        ):
            refused = run_inception("load", *words)
            assert refused.returncode in {2, 125}
            (said_line,) = refused.stderr.decode().splitlines()
            assert line in said_line
    finally:
        run_inception("down", "late")


@pytest.mark.usefixtures("unchanged_host", "level_image")
def test_a_preload_that_is_none_is_refused_in_one_line_and_leaves_nothing(
    run_inception: RunInception, tmp_path: Path
) -> None:
    (tmp_path / "text.tar").write_text("no archive")
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    commands = (("up", "--quiet", "--depth", "2"), ("plan", "--depth", "2"), ("--quiet", "--depth", "2"))
    for tried, preload, said in (
        (commands, "nosuch:1", "preload nosuch:1 is no image of level 0: `docker pull`"),
        (commands[:1], "No Such", "preload No Such is no image of level 0: "),
        (commands[1:2], str(tmp_path / "nosuch.tar"), "there is no such file: "),
        (commands[2:], str(tmp_path / "text.tar"), "text.tar is no archive, or not a whole one: "),
        (commands[:1], str(tmp_path / "empty.tar"), "empty.tar holds no image: "),
    ):
        for command in tried:
            refused = run_inception(*command, "--preload", preload)
            assert refused.returncode in {2, 125}
            (line,) = [it for it in refused.stderr.decode().splitlines() if "private" not in it]
            assert said in line
