"""The level image, built for real, and what keeps it."""

from __future__ import annotations

import io
import json
import re
import resource
import shlex
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest

from inception.chain.verify import PROGRAMS
from inception.engine.connect import Engine
from inception.errors import ImageError
from inception.image import recipe
from inception.image.build import build_image
from inception.image.host_engine import find_host_engine
from inception.image.method import DEFAULT_SUITE, BuildMethod
from inception.image.mmdebstrap import SOURCE_DATE_EPOCH
from inception.image.recipe import find_recipe
from inception.image.staging import staging_directory
from inception.image.store import (
    StoredImage,
    export_image,
    find_image,
    list_images,
    remove_image,
    remove_superseded,
    stored_image,
)
from inception.plan.engine.seeds import seed_volume_name
from tests.integration.conftest import INCEPTION, RunInception

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("unchanged_host")]

SIZE_LIMIT = 470_000_000
KEPT = "inception-test-kept"
NEWER = f"""
find / -xdev -newermt @{SOURCE_DATE_EPOCH} -type f ! -path '/etc/host*' ! -path /etc/resolv.conf ! -path /.dockerenv
"""
LIBRARIES_NOT_FOUND = r"""
find /usr/bin /usr/sbin /usr/lib /usr/libexec -xdev -type f \( -perm /111 -o -name '*.so*' \) | while read -r file; do
    ldd "$file" 2>/dev/null | grep -q 'not found' && echo "$file"
done; :
"""


def output_of(client: docker.APIClient, image: str, *command: str, **options: Any) -> tuple[int, str]:
    """The exit status of `command` in a container of `image`, and all that it said."""
    container = client.create_container(image=image, command=list(command), **options)["Id"]
    try:
        client.start(container)
        status = client.wait(container)["StatusCode"]
        return status, client.logs(container).decode(errors="replace")
    finally:
        client.remove_container(container, force=True, v=True)


@pytest.fixture(scope="module")
def built(engine: Engine, level_image: str) -> StoredImage:
    """The level image of this very recipe: building it anew would take the better part of a minute."""
    return stored_image(engine.client, level_image)


def test_the_level_image_is_small_and_one_layer(engine: Engine, built: StoredImage, level_image: str) -> None:
    assert built.size_bytes <= SIZE_LIMIT
    image = engine.client.inspect_image(level_image)
    assert image["Id"] == built.image_id
    assert len(image["RootFS"]["Layers"]) == 1
    assert image["Config"]["Cmd"] == ["bash"]


def test_it_is_listed_with_its_recipe_and_its_seed(built: StoredImage, level_image: str) -> None:
    assert built.way in list(BuildMethod)
    assert built.recipe == find_recipe().digest()
    assert built.tags == (level_image,)
    assert built.seed == seed_volume_name(built.image_id)


def test_each_program_answers(engine: Engine, built: StoredImage) -> None:
    tries = (
        f'said=$({shlex.join(it.command)} 2>&1) && test -n "$said" || echo {it.name}: $?, $said' for it in PROGRAMS
    )
    assert output_of(engine.client, built.image_id, "sh", "-c", "\n".join((*tries, "echo all tried"))) == (
        0,
        "all tried\n",
    )


def test_removed_files_are_not_needed(engine: Engine, built: StoredImage) -> None:
    assert output_of(engine.client, built.image_id, "sh", "-c", LIBRARIES_NOT_FOUND) == (0, "")


def test_unneeded_files_are_removed(engine: Engine, built: StoredImage) -> None:
    look = "for name in apt-get ctr dpkg perl tini; do command -v $name; done; :"
    assert output_of(engine.client, built.image_id, "sh", "-c", look) == (0, "/usr/bin/tini\n")


def test_the_runners_modules_load_from_byte_code(engine: Engine, built: StoredImage) -> None:
    status, said = output_of(engine.client, built.image_id, "python3", "-v", "-c", "import docker, tenacity")
    assert status == 0
    loaded = [line for line in said.splitlines() if line.startswith("# code object from ")]
    assert any("docker/api/__pycache__/client.cpython" in line for line in loaded)
    assert [line for line in loaded if not line.rstrip("'").endswith(".pyc")] == []


def test_no_file_is_newer_than_the_release(engine: Engine, built: StoredImage) -> None:
    if built.way != BuildMethod.MMDEBSTRAP:
        pytest.skip("only mmdebstrap sets back all times; runs where no registry answers")
    assert output_of(engine.client, built.image_id, "sh", "-c", NEWER) == (0, "")


def test_the_prompt_says_where_it_is(engine: Engine, built: StoredImage) -> None:
    status, said = output_of(
        engine.client,
        built.image_id,
        "bash",
        "-ic",
        'echo "${PS1@P}"',
        tty=True,
        hostname="deep-3",
        environment={"INCEPTION_LEVEL": "3", "INCEPTION_DEPTH": "4"},
    )
    assert (status, said.strip()) == (0, "[3/4] root@deep-3:/#")


def test_verify_accepts_the_image_and_finds_a_broken_one(
    engine: Engine, level_image: str, run_inception: RunInception
) -> None:
    ended = run_inception("image", "verify", "--json")
    assert ended.returncode == 0, ended.stderr
    assert {check["name"] for check in json.loads(ended.stdout)} >= {"containerd", "engine", "image", "container"}

    container = engine.client.create_container(image=level_image, command=["rm", "/usr/sbin/mke2fs"])["Id"]
    try:
        engine.client.start(container)
        engine.client.wait(container)
        engine.client.commit(container, repository="inception-level-test", tag="broken")
    finally:
        engine.client.remove_container(container, force=True)
    try:
        ended = run_inception("image", "verify", "inception-level-test:broken", "--json")
        assert ended.returncode == 1, ended.stderr
        assert [check["name"] for check in json.loads(ended.stdout) if check["failed"]] == ["mke2fs"]
    finally:
        remove_image(engine.client, "inception-level-test:broken")


def test_without_debians_packages_the_message_is_one_line_that_says_so(run_inception: RunInception) -> None:
    nobody = {"http_proxy": "http://127.0.0.1:9"}
    ended = run_inception("image", "build", "--rebuild", "--method", "mmdebstrap", "--quiet", environment=nobody)
    assert ended.returncode == 125
    assert ended.stderr.startswith(b"inception: error: mmdebstrap failed: Failed to fetch ")
    remedy = b": let it download Debian's packages, and free 1 GB for temporary files (inception help level-image)\n"
    assert ended.stderr.endswith(remedy)
    assert ended.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("number", "step", "status"),
    [
        (signal.SIGINT, "downloading packages", 128 + signal.SIGINT),
        (signal.SIGKILL, "installing essential packages", -signal.SIGKILL),
    ],
)
def test_a_build_that_is_ended_leaves_nothing(
    number: signal.Signals, step: str, status: int, inception_environment: dict[str, str]
) -> None:
    with subprocess.Popen(
        [INCEPTION, "image", "build", "--rebuild", "--method", "mmdebstrap"],
        env=inception_environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        reached = any(step in line for line in process.stderr)
        process.send_signal(number)
        process.stderr.read()
    assert reached
    assert process.returncode == status
    with staging_directory():
        pass  # as the next build does, which removes the temporary files of one that was killed


def test_a_base_other_than_debian_fails_in_one_line_and_leaves_nothing(engine: Engine, built: StoredImage) -> None:
    with pytest.raises(ImageError, match="the Dockerfile's build failed: /bin/sh: 1: apt-get: not found"):
        build_image(engine.client, find_recipe(base=built.image_id), on_message=print)


def test_a_docker_build_that_is_interrupted_leaves_nothing(engine: Engine, built: StoredImage) -> None:
    def interrupt(line: str) -> None:
        if "RUN" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_image(engine.client, find_recipe(base=built.image_id), on_message=interrupt)


@pytest.fixture
def debian_base(engine: Engine) -> Iterator[str]:
    """Debian with apt, as a registry would give it; made here, as none is asked."""
    name = "inception-test-debian:base"
    command = ["mmdebstrap", "--quiet", "--variant=apt", "--skip=output/dev", DEFAULT_SUITE, "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        engine.client.import_image_from_stream(process.stdout, repository="inception-test-debian", tag="base")
    assert process.returncode == 0
    try:
        yield name
    finally:
        engine.client.remove_image(name)


@pytest.mark.slow
def test_the_dockerfile_a_slim_image_and_the_hosts_own_engine(
    engine: Engine, debian_base: str, run_inception: RunInception
) -> None:
    status, said = output_of(engine.client, debian_base, "sh", "-c", "apt-get update 2>&1 && apt-cache show tini")
    if status != 0:
        pytest.skip(f"a container here does not reach Debian's packages: {said.splitlines()[-1]}")
    try:
        find_host_engine()
    except ImageError as error:
        pytest.skip(error.message)
    slim = find_recipe(base=debian_base, engine_from_host=True, slim=True)
    image = build_image(engine.client, slim, on_message=print)
    try:
        assert image.method is BuildMethod.DOCKERFILE
        assert len(engine.client.inspect_image(image.tag)["RootFS"]["Layers"]) == 1
        ours = subprocess.run(["dockerd", "--version"], capture_output=True, text=True, check=True).stdout
        assert output_of(engine.client, image.tag, "dockerd", "--version") == (0, ours)
        assert output_of(engine.client, image.tag, "sh", "-c", LIBRARIES_NOT_FOUND) == (0, "")
        assert output_of(engine.client, image.tag, "sh", "-c", "git --version")[0] == 127
        ended = run_inception("image", "verify", image.tag, "--json")
        names = {check["name"] for check in json.loads(ended.stdout) if not check["failed"]}
        assert (ended.returncode, "git" in names, "container" in names) == (0, False, True), ended.stdout
    finally:
        remove_image(engine.client, image.tag)


def tiny_level_image(client: docker.APIClient, content: bytes) -> str:
    """Import an image that counts as a level image, tagged `KEPT`:1, with one file of `content`; its id."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        header = tarfile.TarInfo("content")
        header.size = len(content)
        archive.addfile(header, io.BytesIO(content))
    client.import_image_from_data(
        buffer.getvalue(), repository=KEPT, tag="1", changes=[f"LABEL {recipe.LABEL_RECIPE}=test", 'CMD ["/content"]']
    )
    image_id = find_image(client, f"{KEPT}:1")
    assert image_id is not None
    return image_id


@pytest.fixture
def kept(engine: Engine) -> Iterator[str]:
    """The id of a tiny level image that has a seed."""
    image_id = tiny_level_image(engine.client, b"one")
    engine.client.create_volume(seed_volume_name(image_id))
    yield image_id
    with suppress(docker.errors.NotFound):
        engine.client.remove_volume(seed_volume_name(image_id))
    with suppress(docker.errors.NotFound):
        engine.client.remove_image(f"{KEPT}:1")


def volumes(client: docker.APIClient) -> set[str]:
    return {volume["Name"] for volume in client.volumes()["Volumes"] or ()}


def test_an_image_goes_with_its_seed(engine: Engine, kept: str) -> None:
    assert stored_image(engine.client, f"{KEPT}:1").seed == seed_volume_name(kept)
    remove_image(engine.client, f"{KEPT}:1")
    assert find_image(engine.client, kept) is None
    assert seed_volume_name(kept) not in volumes(engine.client)


def test_an_image_in_use_stays_with_its_seed(engine: Engine, kept: str) -> None:
    container = engine.client.create_container(image=kept, name="inception-test-user")["Id"]
    try:
        with pytest.raises(ImageError, match=f"image {KEPT}:1 is in use by inception-test-user: end the chains"):
            remove_image(engine.client, f"{KEPT}:1")
    finally:
        engine.client.remove_container(container)
    assert stored_image(engine.client, f"{KEPT}:1").seed == seed_volume_name(kept)


def test_a_newer_image_supersedes_unless_the_older_is_in_use(engine: Engine, kept: str) -> None:
    container = engine.client.create_container(image=kept)["Id"]
    try:
        newer = tiny_level_image(engine.client, b"two")
        remove_superseded(engine.client)
        assert find_image(engine.client, kept) == kept
    finally:
        engine.client.remove_container(container)
    remove_superseded(engine.client)
    assert find_image(engine.client, kept) is None
    assert seed_volume_name(kept) not in volumes(engine.client)
    assert find_image(engine.client, f"{KEPT}:1") == newer
    assert all(image.tags for image in list_images(engine.client))


def made_of(client: docker.APIClient, image_id: str) -> str:
    """Make an image of the level image `image_id`, tagged `KEPT`:alone, with a seed; its id."""
    container = client.create_container(image=image_id)["Id"]
    try:
        label = f"LABEL {recipe.LABEL_MADE_OF}={image_id}"
        made: str = client.commit(container, repository=KEPT, tag="alone", changes=[label])["Id"]
    finally:
        client.remove_container(container)
    client.create_volume(seed_volume_name(made))
    return made


def test_removing_an_image_removes_those_made_of_it_unless_in_use(engine: Engine, kept: str) -> None:
    made = made_of(engine.client, kept)
    assert [image.made_of for image in list_images(engine.client) if image.image_id in {made, kept}] == [kept, None]
    container = engine.client.create_container(image=made, name="inception-test-user")["Id"]
    try:
        with pytest.raises(ImageError, match=f"image {KEPT}:1 is in use by inception-test-user: end the chains"):
            remove_image(engine.client, f"{KEPT}:1")
    finally:
        engine.client.remove_container(container)
    remove_image(engine.client, f"{KEPT}:1")
    assert find_image(engine.client, kept) is None
    assert find_image(engine.client, made) is None
    assert seed_volume_name(made) not in volumes(engine.client)


def test_a_newer_image_supersedes_what_is_made_of_the_older(engine: Engine, kept: str) -> None:
    made = made_of(engine.client, kept)
    newer = tiny_level_image(engine.client, b"two")
    remove_superseded(engine.client)
    assert find_image(engine.client, kept) is None
    assert find_image(engine.client, made) is None
    assert find_image(engine.client, f"{KEPT}:1") == newer
    assert seed_volume_name(made) not in volumes(engine.client)


@pytest.mark.usefixtures("kept")
def test_an_exported_image_loads_again(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "level.tar"
    assert export_image(engine.client, f"{KEPT}:1", file) == file.stat().st_size
    assert file.stat().st_mode & 0o777 == 0o644
    with tarfile.open(file) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        assert json.load(manifest)[0]["RepoTags"] == [f"{KEPT}:1"]
    assert list(tmp_path.iterdir()) == [file]


def test_image_is_carried_by_a_file(engine: Engine, kept: str, run_inception: RunInception, tmp_path: Path) -> None:
    file = tmp_path / "level.tar"
    assert run_inception("image", "export", str(file), f"{KEPT}:1").returncode == 0
    assert run_inception("image", "rm", f"{KEPT}:1").returncode == 0
    loaded = run_inception("image", "load", str(file))
    assert (loaded.returncode, loaded.stdout) == (0, f"{KEPT}:1\n".encode())
    assert find_image(engine.client, f"{KEPT}:1") == kept

    file.write_bytes(b"no archive" * 1000)
    refused = run_inception("image", "load", str(file))
    assert (refused.returncode, refused.stdout) == (125, b"")
    assert re.match(rf"inception: error: .*{re.escape(str(file))}", refused.stderr.decode().splitlines()[-1])


@pytest.mark.usefixtures("kept")
def test_an_export_without_room_leaves_no_part_of_a_file(engine: Engine, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        with pytest.raises(ImageError, match=r"level\.tar cannot be written: File too large"):
            export_image(engine.client, f"{KEPT}:1", tmp_path / "level.tar")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_the_image_commands_print_json_and_name_missing_images(
    engine: Engine, kept: str, run_inception: RunInception, tmp_path: Path
) -> None:
    listed = {image["image_id"]: image for image in json.loads(run_inception("image", "ls", "--json").stdout)}
    assert listed[kept]["tags"] == [f"{KEPT}:1"]
    assert listed[kept]["seed"] == seed_volume_name(kept)
    assert f"{KEPT}:1" in run_inception("image", "ls").stdout.decode()

    ended = run_inception("image", "export", str(tmp_path / "level.tar"), "inception-level:nonesuch")
    assert ended.returncode == 125
    assert b"inception: error: image inception-level:nonesuch is not on this engine: " in ended.stderr
    assert list(tmp_path.iterdir()) == []

    ended = run_inception("image", "rm", f"{KEPT}:1")
    assert (ended.returncode, ended.stdout) == (0, f"removed {KEPT}:1\n".encode())
    assert find_image(engine.client, kept) is None
