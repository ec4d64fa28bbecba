from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest

from inception.errors import EngineUnreachable, ImageError, UsageError
from inception.image import build, mmdebstrap, own_root
from inception.image.build import choose_method
from inception.image.dockerfile import failure_in as failure_in_dockerfile
from inception.image.dockerfile import follow
from inception.image.method import BuildMethod, Suite
from inception.image.mmdebstrap import failure_in, mmdebstrap_command
from inception.image.recipe import find_recipe

Choose = Callable[..., tuple[BuildMethod, list[str]]]
DEFAULT_BASE = "debian:trixie-slim"
NO_REGISTRY = "Get https://registry/v2/: dial tcp: no such host"


class FakeEngine:
    """An engine that has `images`, and pulls those that `registry` has: in part only, if it is `broken`."""

    def __init__(self, *, images: tuple[str, ...] = (), registry: tuple[str, ...] = (), broken: bool = False) -> None:
        self.broken = broken
        self.images = set(images)
        self.registry = registry
        self.pulled: list[str] = []

    def inspect_image(self, name: str) -> dict[str, Any]:
        if (name if ":" in name else f"{name}:latest") not in self.images:
            raise docker.errors.ImageNotFound("404 Client Error", explanation=f"No such image: {name}")
        return {"Id": f"sha256:{name}"}

    def pull(self, repository: str, tag: str) -> str:
        name = f"{repository}:{tag}"
        self.pulled.append(name)
        if name not in self.registry:
            raise docker.errors.APIError("500 Server Error", explanation=NO_REGISTRY)
        if not self.broken:
            self.images.add(name)
        return '{"status": "Downloaded"}'


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Choose:
    """Chooses a way on a fake engine; gives the way and what was said."""

    def chosen(
        engine: FakeEngine, method: BuildMethod = BuildMethod.AUTO, *, base: str | None = None, installed: bool = True
    ) -> tuple[BuildMethod, list[str]]:
        monkeypatch.setattr(build, "has_mmdebstrap", lambda: installed)
        said: list[str] = []
        return choose_method(engine, method, find_recipe(base=base), said.append), said  # type: ignore[arg-type]

    return chosen


def test_auto_takes_the_base_that_is_here_without_asking_a_registry(choose: Choose) -> None:
    engine = FakeEngine(images=(DEFAULT_BASE,))
    assert choose(engine) == (BuildMethod.DOCKERFILE, [])
    assert engine.pulled == []


def test_auto_pulls_the_base(choose: Choose) -> None:
    assert choose(FakeEngine(registry=(DEFAULT_BASE,))) == (BuildMethod.DOCKERFILE, [f"pulling {DEFAULT_BASE}"])


def test_auto_falls_back_where_no_registry_answers_and_says_so(choose: Choose) -> None:
    method, said = choose(FakeEngine())
    assert method is BuildMethod.MMDEBSTRAP
    assert said == [
        f"pulling {DEFAULT_BASE}",
        f"no registry gives {DEFAULT_BASE} ({NO_REGISTRY}): building with mmdebstrap",
    ]


def test_without_registry_and_mmdebstrap_the_message_says_both(choose: Choose) -> None:
    with pytest.raises(ImageError, match=r"no such host\), and mmdebstrap is not installed: install mmdebstrap"):
        choose(FakeEngine(), installed=False)


def test_a_requested_base_is_not_replaced(choose: Choose) -> None:
    with pytest.raises(ImageError, match=r"no base image ours:1: .*no such host: docker pull or docker load it"):
        choose(FakeEngine(), base="ours:1")
    assert choose(FakeEngine(images=("ours:1",)), base="ours:1")[0] is BuildMethod.DOCKERFILE


def test_a_base_without_a_tag_is_the_latest(choose: Choose) -> None:
    engine = FakeEngine(registry=("ours:latest",))
    assert choose(engine, base="ours")[0] is BuildMethod.DOCKERFILE
    assert engine.pulled == ["ours:latest"]


def test_a_pull_that_ends_without_the_image_is_a_failure(choose: Choose) -> None:
    engine = FakeEngine(registry=("ours:1",), broken=True)
    with pytest.raises(ImageError, match="no base image ours:1: the pull did not finish"):
        choose(engine, base="ours:1")


def test_a_requested_dockerfile_build_is_not_replaced(choose: Choose) -> None:
    with pytest.raises(ImageError, match=f"no base image {DEFAULT_BASE}"):
        choose(FakeEngine(), BuildMethod.DOCKERFILE)


def test_mmdebstrap_asks_no_registry(choose: Choose) -> None:
    engine = FakeEngine()
    assert choose(engine, BuildMethod.MMDEBSTRAP) == (BuildMethod.MMDEBSTRAP, [])
    assert engine.pulled == []


def test_auto_takes_the_own_root_of_a_client_image_of_this_recipe_alone(
    choose: Choose, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "level-image.json"
    monkeypatch.setattr(own_root, "LEVEL_IMAGE_FILE", file)
    engine = FakeEngine()
    for content in ("{", '{"inception.recipe": "another"}'):
        file.write_text(content)
        assert choose(engine)[0] is BuildMethod.MMDEBSTRAP
    file.write_text(json.dumps({"inception.recipe": find_recipe().digest()}))
    engine.pulled.clear()
    assert choose(engine) == (BuildMethod.OWN_ROOT, [])
    assert choose(engine, BuildMethod.MMDEBSTRAP)[0] is BuildMethod.MMDEBSTRAP
    assert choose(FakeEngine(images=("ours:1",)), base="ours:1")[0] is BuildMethod.DOCKERFILE
    assert engine.pulled == []


def test_own_root_is_refused_outside_a_client_image(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(own_root, "LEVEL_IMAGE_FILE", tmp_path / "none")
    with pytest.raises(ImageError, match="does not run in the client image of this recipe: run it in an image of"):
        own_root.build_from_own_root(FakeEngine(), find_recipe(), labels={}, on_message=print)  # type: ignore[arg-type]


def test_mmdebstrap_starts_from_no_base(choose: Choose) -> None:
    with pytest.raises(UsageError, match="not from ours:1: leave out --base or --method mmdebstrap"):
        choose(FakeEngine(), BuildMethod.MMDEBSTRAP, base="ours:1")


def test_an_engine_that_is_gone_does_not_cause_a_fallback(choose: Choose) -> None:
    engine = FakeEngine()

    def pull(repository: str, tag: str) -> str:
        raise ConnectionResetError(104, f"Connection reset pulling {repository}:{tag}")

    engine.pull = pull  # type: ignore[method-assign]
    with pytest.raises(EngineUnreachable):
        choose(engine)


def test_mmdebstrap_gets_every_package_and_the_hook() -> None:
    recipe = find_recipe()
    directory = recipe.directory
    command = mmdebstrap_command(recipe, directory, Path("/staging/version"))
    [include] = [word for word in command if word.startswith("--include=")]
    assert "docker.io" in include.removeprefix("--include=").split(",")
    assert "#" not in include
    assert f'--customize-hook=sh {directory / "finish"} "$1"' in command
    assert command[-2:] == ["trixie", "-"]


def test_mmdebstrap_gets_the_suite_and_the_options_of_apt() -> None:
    recipe = find_recipe(suite=Suite.FORKY, apt_options=('Acquire::Check-Valid-Until "false"',))
    command = mmdebstrap_command(recipe, recipe.directory, Path("/staging/version"))
    assert '--aptopt=Acquire::Check-Valid-Until "false"' in command
    assert command[-2:] == ["forky", "-"]


def test_mmdebstrap_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(ImageError, match="mmdebstrap is not installed: install it"),
        mmdebstrap.running_mmdebstrap(["mmdebstrap"], tmp_path, print),
    ):
        pass


def test_the_first_of_mmdebstraps_errors_is_the_reason() -> None:
    said = ["I: downloading", "E: Unable to locate package nonesuch", "W: listening", "E: mmdebstrap failed to run"]
    assert failure_in(said, 25) == "Unable to locate package nonesuch"
    assert failure_in(["Killed"], 137) == "Killed"
    assert failure_in([], 25) == "exit status 25"


def test_the_first_error_of_a_dockerfiles_step_is_the_reason() -> None:
    assert failure_in_dockerfile(["Reading", "E: no package", "E: more"]) == "no package"
    assert failure_in_dockerfile(["/bin/sh: 1: apt-get: not found"]) == "/bin/sh: 1: apt-get: not found"
    assert failure_in_dockerfile([]) is None


def test_a_failed_step_is_one_line_with_what_its_program_said() -> None:
    output = [
        {"stream": "Step 6/9 : RUN apt-get update"},
        {"stream": "\n"},
        {"stream": " ---> Running in 0123456789ab\n"},
        {"stream": "\x1b[91m/bin/sh: 1: "},
        {"stream": "\x1b[0m\x1b[91mapt-get: not found\n\x1b[0m"},
        {"stream": "Removing intermediate container 0123456789ab\n"},
        {"error": "The command '/bin/sh -c apt-get update' returned a non-zero code: 127"},
    ]
    said: list[str] = []
    with pytest.raises(ImageError, match="build failed: /bin/sh: 1: apt-get: not found: check that the base is Debian"):
        follow(iter(output), said.append)
    assert said == ["docker build: RUN"]
