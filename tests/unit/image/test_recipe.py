from __future__ import annotations

import re
import shutil
from pathlib import Path, PurePosixPath

import pytest

from inception.errors import UsageError
from inception.image.host_engine import HostFile
from inception.image.method import DEFAULT_SUITE, Suite
from inception.image.recipe import Recipe, default_tag, find_recipe, package_names


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the real recipe, to be changed."""
    copy = tmp_path / "recipe"
    shutil.copytree(find_recipe().directory, copy)
    return copy


def test_the_tag_is_the_beginning_of_the_digest() -> None:
    digest = find_recipe().digest()
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert default_tag() == f"inception-level:{digest[:12]}"


def test_the_same_inputs_have_the_same_tag_wherever_they_lie_and_however_old_they_are(directory: Path) -> None:
    for path in directory.rglob("*"):
        path.touch()
        path.chmod(0o700)
    assert Recipe(directory=directory).tag() == default_tag()


@pytest.mark.parametrize(
    "name",
    [
        "packages.txt",
        "packages-builder.txt",
        "remove.txt",
        "finish",
        "fix_addresses.py",
        "Dockerfile",
        "files/etc/bash.bashrc",
    ],
)
def test_each_part_of_the_recipe_decides_the_tag(directory: Path, name: str) -> None:
    file = directory / name
    file.write_text(file.read_text() + "# more\n")
    assert Recipe(directory=directory).tag() != default_tag()


def test_byte_code_of_its_programs_is_no_part_of_the_recipe(directory: Path, tmp_path: Path) -> None:
    made = directory / "__pycache__/fix_addresses.cpython-313.pyc"
    made.parent.mkdir(exist_ok=True)
    made.write_bytes(b"made by an installation")
    recipe = Recipe(directory=directory)
    recipe.stage(tmp_path / "staged")
    assert recipe.tag() == default_tag()
    assert not list((tmp_path / "staged").rglob("*.pyc"))


@pytest.mark.parametrize("suite", [it for it in Suite if it is not DEFAULT_SUITE])
def test_the_tag_says_another_suite(suite: Suite) -> None:
    recipe = find_recipe(suite=suite)
    assert recipe.tag() == f"inception-level:{suite}-{recipe.digest()[:12]}"
    assert recipe.digest() != find_recipe().digest()
    assert recipe.base_image() == f"debian:{suite}-slim"


def test_the_default_suite_and_options_of_apt_leave_the_tag_alone() -> None:
    assert find_recipe(suite=DEFAULT_SUITE, apt_options=('Acquire::Retries "3"',)).tag() == default_tag()


def test_a_suite_beside_a_base_image_is_refused() -> None:
    with pytest.raises(UsageError, match="the packages' suite is that of debian:sid: leave out --suite or --base"):
        find_recipe(suite=Suite.FORKY, base="debian:sid")


@pytest.mark.parametrize("option", ["", "Acquire::Retries", "-o x", 'A "1";\nB "2";'])
def test_an_option_that_apt_cannot_read_is_refused_by_name(option: str) -> None:
    with pytest.raises(UsageError, match=f"{re.escape(repr(option))} is not an option of apt: write it like"):
        find_recipe(apt_options=(option,))


def test_the_staged_dockerfile_has_apt_read_the_options(directory: Path, tmp_path: Path) -> None:
    options = ('Acquire::Retries "3"', 'Acquire::Check-Valid-Until "false";')
    Recipe(directory=directory, apt_options=options).stage(tmp_path / "staged")
    assert "COPY . /recipe\nENV APT_CONFIG=/recipe/apt.conf\n" in (tmp_path / "staged/Dockerfile").read_text()
    read = (tmp_path / "staged/apt.conf").read_text()
    assert read == 'Acquire::Retries "3";\nAcquire::Check-Valid-Until "false";\n'


def test_a_file_under_another_name_has_another_tag(directory: Path) -> None:
    (directory / "files/etc/bash.bashrc").rename(directory / "files/etc/profile")
    assert Recipe(directory=directory).tag() != default_tag()


def test_what_a_build_uses_instead_decides_the_tag(tmp_path: Path) -> None:
    assert find_recipe(base="debian:bookworm").tag() != default_tag()
    assert find_recipe(base="debian:bookworm").tag() != find_recipe(base="debian:bullseye").tag()
    program = tmp_path / "dockerd"
    tags = set()
    for content in ("one", "two"):
        program.write_text(content)
        host_engine = (HostFile(source=program, target=PurePosixPath("usr/sbin/dockerd")),)
        tags.add(Recipe(directory=find_recipe().directory, host_engine=host_engine).tag())
    assert len(tags | {default_tag()}) == 3


def test_the_packages_are_read_without_their_comments(tmp_path: Path) -> None:
    (tmp_path / "packages.txt").write_text("# an engine\ndocker.io  runc\n\ntini # an init\n")
    assert package_names(tmp_path) == ("docker.io", "runc", "tini")


def test_a_slim_recipe_lacks_the_builders_and_its_tag_says_so(tmp_path: Path) -> None:
    slim = find_recipe(slim=True)
    slim.stage(tmp_path / "staged")
    assert slim.left_out() == ("docker-buildx", "docker-compose", "git", "openssh-client")
    assert set(slim.left_out()) <= set(package_names(slim.directory))
    assert not set(slim.left_out()) & set(package_names(tmp_path / "staged"))
    assert re.fullmatch(r"inception-level:[0-9a-f]{12}-slim", slim.tag())
    assert slim.tag().removesuffix("-slim") != default_tag()
    assert find_recipe().left_out() == ()


def test_packages_that_are_asked_for_are_in_the_image_and_in_its_tag(tmp_path: Path) -> None:
    recipe = find_recipe(suite=Suite.FORKY, slim=True, packages=("crun", "bash", "crun"))
    recipe.stage(tmp_path / "staged")
    assert {"crun", "bash", "docker.io"} <= set(package_names(tmp_path / "staged"))
    assert recipe.tag() == f"inception-level:forky-{recipe.digest()[:12]}-slim-bash-crun"
    assert recipe.digest() != find_recipe(suite=Suite.FORKY, slim=True).digest()


@pytest.mark.parametrize("name", ["", "-o", "a b", "crun,runc", "libstdc++6"])
def test_what_cannot_name_a_package_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a package: name one of Debian's"):
        find_recipe(packages=(name,))


def test_an_older_suite_is_made_without_the_packages_that_it_lacks(tmp_path: Path) -> None:
    recipe = find_recipe(suite=Suite.BOOKWORM)
    recipe.stage(tmp_path / "staged")
    assert recipe.left_out() == ("docker-buildx", "docker-compose")
    staged = set(package_names(tmp_path / "staged"))
    assert set(package_names(recipe.directory)) - staged == {"docker-cli", "docker-buildx", "docker-compose"}


@pytest.mark.parametrize("suite", Suite)
def test_only_the_suite_that_needs_chardet_keeps_it(tmp_path: Path, suite: Suite) -> None:
    find_recipe(suite=suite).stage(tmp_path / "staged")
    removed = (tmp_path / "staged" / "remove.txt").read_text()
    assert ("chardet" in removed) == (suite is not Suite.BOOKWORM)
    assert "usr/bin/ctr\n" in removed


def test_the_image_has_what_dockerd_and_its_users_call() -> None:
    needed = {"xz-utils", "pigz", "zstd", "git", "openssh-client", "docker-buildx", "docker-compose"}
    assert needed <= set(package_names(find_recipe().directory))


def test_the_image_has_what_the_runner_imports() -> None:
    assert {"python3", "python3-docker", "python3-tenacity"} <= set(package_names(find_recipe().directory))


def test_both_ways_have_the_settings_of_the_dockerfiles_last_stage() -> None:
    settings = find_recipe().image_settings()
    assert [line.split()[0] for line in settings] == ["ENV", "ENV", "CMD"]
    assert settings[0].startswith("ENV PATH=/usr/local/sbin:")


def test_staging_gives_every_file_the_same_modes(directory: Path, tmp_path: Path) -> None:
    for path in directory.rglob("*"):
        path.chmod(0o700 if path.is_dir() or path.name == "finish" else 0o600)
    Recipe(directory=directory).stage(tmp_path / "staged")
    modes = {
        str(path.relative_to(tmp_path / "staged")): path.stat().st_mode & 0o777
        for path in (tmp_path / "staged").rglob("*")
    }
    assert modes["finish"] == 0o755
    assert modes["files/etc"] == 0o755
    assert modes["files/etc/bash.bashrc"] == 0o644


def test_staging_puts_the_hosts_engine_where_debian_has_its_own(tmp_path: Path) -> None:
    program = tmp_path / "dockerd"
    program.write_text("#!/bin/sh\n")
    host_engine = (HostFile(source=program, target=PurePosixPath("usr/sbin/dockerd")),)
    Recipe(directory=find_recipe().directory, host_engine=host_engine).stage(tmp_path / "staged")
    staged = tmp_path / "staged/engine/root/usr/sbin/dockerd"
    assert staged.read_text() == "#!/bin/sh\n"
    assert staged.stat().st_mode & 0o777 == 0o755
