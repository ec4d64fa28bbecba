"""The client image: what goes into it."""

from __future__ import annotations

from importlib.metadata import requires

from inception.image.client import requirements


def test_requirements_are_those_of_the_program_and_of_tls_alone() -> None:
    lines = [
        "docker<8,>=7.1",
        'exceptiongroup; python_version < "3.11"',
        "cryptography>=43; extra == 'tls'",
        'pytest==9; extra == "dev"',
    ]
    assert requirements(lines) == ("docker<8,>=7.1", "exceptiongroup", "cryptography>=43")


def test_own_requirements_are_read() -> None:
    names = {line.partition(">")[0].partition("<")[0] for line in requirements(requires("inception-dind") or [])}
    assert {"docker", "typer", "msgspec", "jinja2", "cryptography"} <= names
    assert "pytest" not in names
