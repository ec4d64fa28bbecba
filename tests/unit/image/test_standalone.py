"""The standalone image is made anew only when the program or the level image in it is another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from inception.image.derived import LABEL_PROGRAM
from inception.image.recipe import LABEL_MADE_OF
from inception.image.standalone import ensure_standalone
from inception.payload import payload_digest

LEVEL_IMAGE = "sha256:level"


class FakeClient:
    """An engine whose image has the configuration `config`, and which makes a new one at each commit."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.committed = 0
        self.settings: dict[str, Any] = {}

    def inspect_image(self, _name: str) -> dict[str, Any]:
        return {"Id": "sha256:old", "Config": self.config}

    def commit(self, _container: str, **settings: Any) -> dict[str, str]:
        self.committed += 1
        self.settings = settings
        return {"Id": "sha256:new"}

    def create_host_config(self, **_settings: object) -> None:
        return None

    def create_container(self, _image: str, **_settings: object) -> dict[str, str]:
        return {"Id": "1"}

    def put_archive(self, *_arguments: object) -> None:
        return None

    def start(self, _container: str) -> None:
        return None

    def wait(self, _container: str) -> dict[str, int]:
        return {"StatusCode": 0}

    def remove_container(self, _container: str, **_settings: object) -> None:
        return None

    def images(self, **_settings: object) -> list[dict[str, Any]]:
        return []

    def volumes(self) -> dict[str, Any]:
        return {}


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCEPTION_STATE_DIR", str(tmp_path))


def _ensure(client: FakeClient) -> str:
    return ensure_standalone(cast("docker.APIClient", client), LEVEL_IMAGE, on_message=lambda _: None)


def test_an_image_of_this_program_and_level_image_is_kept() -> None:
    client = FakeClient({"Labels": {LABEL_MADE_OF: LEVEL_IMAGE, LABEL_PROGRAM: payload_digest(), "mine": "too"}})
    assert _ensure(client) == "sha256:old"
    assert not client.committed


@pytest.mark.parametrize(
    "config",
    [
        {"Labels": {LABEL_MADE_OF: LEVEL_IMAGE, LABEL_PROGRAM: "another"}},
        {"Labels": None},
        {},  # From API 1.52 on, an engine leaves empty fields out.
        None,
    ],
)
def test_an_image_of_another_program_or_without_labels_is_replaced(config: dict[str, Any]) -> None:
    client = FakeClient(config)
    assert _ensure(client) == "sha256:new"
    assert client.committed == 1


def test_image_has_a_health_check() -> None:
    client = FakeClient({})
    _ensure(client)
    check = client.settings["conf"]["Healthcheck"]
    assert check["Test"] == ["CMD", "python3", "-I", "-m", "inception.level.standalone.health"]
    assert check["Timeout"] < check["Interval"]


def test_examples_of_the_image_leave_no_volume() -> None:
    root = Path(__file__).parents[3]
    # A command is continued after a backslash.
    section = (root / "docs/how-to/standalone.md").read_text().replace("\\\n", " ")
    examples = [line for line in section.splitlines() if re.search(r"^(|# |root@\S+# )docker run ", line)]
    assert len(examples) >= 5
    assert not [line for line in examples if " --rm " not in line]
    messages: list[str] = []
    ensure_standalone(cast("docker.APIClient", FakeClient({})), LEVEL_IMAGE, on_message=messages.append)
    assert messages == ["made inception:latest: docker run --privileged --rm -ti inception"]
