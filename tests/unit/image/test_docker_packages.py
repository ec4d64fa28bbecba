from __future__ import annotations

import urllib.request
from io import BytesIO
from pathlib import Path

import pytest

from inception.errors import ImageError, UsageError
from inception.image.docker_packages import DOCKER_URL, DockerPackages, find_docker_packages
from inception.image.mmdebstrap import mmdebstrap_command
from inception.image.recipe import find_recipe, package_names

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nbWFkZSB1cA==\n-----END PGP PUBLIC KEY BLOCK-----\n"
DOCKER = DockerPackages(url="https://packages.example/debian", channel="stable", key=KEY, version="29")


def _offer(monkeypatch: pytest.MonkeyPatch, content: bytes | OSError) -> list[str]:
    """Have `urlopen` answer with `content`, or raise it; return the list of the addresses that are asked for."""
    asked: list[str] = []

    def answer(url: str, timeout: float) -> BytesIO:
        assert timeout > 0
        asked.append(url)
        if isinstance(content, OSError):
            raise content
        return BytesIO(content)

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    return asked


def test_without_a_channel_the_engine_is_debians() -> None:
    assert find_docker_packages(None, None, None, None) is None


def test_the_key_is_dockers_own_unless_a_file_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = _offer(monkeypatch, KEY.encode())
    found = find_docker_packages("stable", "29", None, None)
    assert found == DockerPackages(url=DOCKER_URL, channel="stable", key=KEY, version="29")
    assert asked == [f"{DOCKER_URL}/gpg"]
    (tmp_path / "key").write_text(KEY)
    found = find_docker_packages("test", None, "http://127.0.0.1:8000/", tmp_path / "key")
    assert found == DockerPackages(url="http://127.0.0.1:8000", channel="test", key=KEY)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("channel", "version", "url", "said"),
    [
        (None, "29", None, "--docker-version is for Docker's own packages: add --docker-channel"),
        (None, None, "https://x", "--apt-url is for"),
        ("sta ble", None, None, "'sta ble' is no channel"),
        ("stable", "29.", None, "'29.' is no version"),
        ("stable", "29\nPin: x", None, "is no version"),
        ("stable", None, "ftp://x", "'ftp://x' is not the URL"),
        ("stable", None, "https://x\nSuites: y", "is not the URL"),
        ("stable", None, "http://x", "http://x cannot vouch for its own key: give its public key with --apt-key FILE"),
    ],
)
def test_wrong_options_are_refused_by_name(
    channel: str | None, version: str | None, url: str | None, said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        find_docker_packages(channel, version, url, None)
    assert said in str(refused.value)


def test_a_key_that_cannot_be_had_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _offer(monkeypatch, OSError("no route"))
    with pytest.raises(ImageError, match=r"the key of https://download\S+ cannot be had: .*no route.*--apt-url"):
        find_docker_packages("stable", None, None, None)
    _offer(monkeypatch, b"<html>")
    with pytest.raises(ImageError, match="holds no public key"):
        find_docker_packages("stable", None, None, None)
    with pytest.raises(UsageError, match="none cannot be read: No such file"):
        find_docker_packages("stable", None, None, tmp_path / "none")
    (tmp_path / "key").write_text("no key")
    with pytest.raises(UsageError, match="holds no public key"):
        find_docker_packages("stable", None, None, tmp_path / "key")


def test_dockers_packages_take_the_place_of_debians(tmp_path: Path) -> None:
    recipe = find_recipe(docker=DOCKER)
    recipe.stage(tmp_path / "recipe")
    names = package_names(tmp_path / "recipe")
    assert {"docker-ce", "docker-ce-cli", "containerd.io", "docker-buildx-plugin", "python3-docker"} <= set(names)
    assert not {"docker.io", "docker-cli", "containerd", "runc", "docker-buildx", ""} & set(names)
    assert recipe.tag() == f"inception-level:docker29-{recipe.digest()[:12]}"
    assert recipe.digest() != find_recipe().digest()


def test_both_ways_add_the_repository_with_its_key_and_the_version(tmp_path: Path) -> None:
    recipe = find_recipe(docker=DOCKER)
    staged = tmp_path / "recipe"
    recipe.stage(staged)
    sources = (staged / "docker.sources").read_text()
    assert sources.startswith("Types: deb\nURIs: https://packages.example/debian\nSuites: trixie\nComponents: stable\n")
    assert "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n bWFk" in sources
    preferences = (staged / "docker.pref").read_text().split("\n\n")
    assert [it.splitlines()[1:] for it in preferences] == [
        ["Pin: version 5:29.*", "Pin-Priority: 1001"],
        ["Pin: version 5:29-*", "Pin-Priority: 1001"],
        ["Pin: version *", "Pin-Priority: -1"],
    ]
    assert "/recipe/docker.sources /etc/apt/sources.list.d/" in (staged / "Dockerfile").read_text()
    (hook,) = [it for it in mmdebstrap_command(recipe, staged, tmp_path / "version") if "setup-hook" in it]
    assert f'cp {staged}/docker.pref "$1"/etc/apt/preferences.d/' in hook


def test_the_newest_version_is_taken_unless_one_is_asked_for() -> None:
    newest = DockerPackages(url=DOCKER.url, channel="stable", key=KEY)
    assert newest.preferences() == ""
    assert newest.mark == "docker"


def test_dockers_packages_are_for_a_suite_and_no_other_engine() -> None:
    with pytest.raises(UsageError, match="give --suite for --base"):
        find_recipe(docker=DOCKER, base="debian:sid")
    with pytest.raises(UsageError, match="give one of the two options"):
        find_recipe(docker=DOCKER, engine_from_host=True)
