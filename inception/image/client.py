"""Make the client image: a level image with the command line in it, for `docker run` with the engine's socket.

The program is this one. Its dependencies are wheels for the level image's Python, which pip fetches: those that are
installed here may be for another version.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import requires
from pathlib import Path

import docker

import inception
from inception.engine.translate import translated
from inception.errors import ImageError
from inception.image.derived import DerivedImage, ensure_derived
from inception.image.own_root import LEVEL_IMAGE_FILE
from inception.image.recipe import find_recipe
from inception.probe.helper_container import helper_container

CLIENT_TAG = "inception-cli:latest"
_DISTRIBUTION = "inception-dind"
_EXTRAS = ("tls",)
"""Extras of the distribution in the image. The renderer of PNG charts is as large as all the rest."""
_MODULES = "usr/lib/inception"
_COMMAND_FILE = "usr/local/bin/inception"
_COMMAND = f"""\
#!/usr/bin/python3 -I
import sys

sys.path.insert(0, "/{_MODULES}")
from inception.cli.main import main

main()
"""
_INSTRUCTIONS = (
    # It passes signals on, and reaps the proxies of published engines, also where it is not process 1 (-s).
    'ENTRYPOINT ["tini", "-s", "--"]',
    'CMD ["inception"]',
)
_ASK_PYTHON = "import platform, sys; print(*sys.version_info[:2], platform.machine())"
_GLIBCS = ("manylinux2014", "manylinux_2_28")
"""Platforms of wheels that run on Debian's C library."""
_REQUIREMENT = re.compile(r"""(?P<requirement>[^;]+)(?:;.*extra == ['"](?P<extra>[\w-]+)['"])?""")


def ensure_client_image(
    client: docker.APIClient, level_image_id: str, *, tag: str = CLIENT_TAG, on_message: Callable[[str], None]
) -> str:
    """Return the id of the image of this level image and this program, made if need be in place of an older one.

    Raises ImageError and EngineError.
    """
    wanted = DerivedImage(
        tag=tag,
        program=_digest(),
        archive=lambda: _archive(client, level_image_id),
        modules=f"/{_MODULES}",
        instructions=_INSTRUCTIONS,
    )
    usage = (
        f"made {tag}: docker run -v /var/run/docker.sock:/var/run/docker.sock -v /run/inception:/run/inception "
        f"--rm -ti {tag.removesuffix(':latest')} inception --depth 4"
    )
    return ensure_derived(client, level_image_id, wanted, on_made=lambda: on_message(usage))


def requirements(lines: list[str]) -> tuple[str, ...]:
    """Return what to install of `lines`, the requirements in a distribution's metadata."""
    found = (_REQUIREMENT.match(line) for line in lines)
    return tuple(it["requirement"].strip() for it in found if it and it["extra"] in {None, *_EXTRAS})


def _program_files() -> Iterator[tuple[Path, Path]]:
    """Yield each file of this program and of its recipe, and its path below the directory of modules."""
    package, recipe = Path(inception.__file__).parent, find_recipe().directory
    places = ((package, Path("inception")), (recipe, Path("inception/image/recipe_files")))
    for place, target in places:
        for file in sorted(place.rglob("*")):
            if file.is_file() and file.suffix != ".pyc" and (place == recipe or recipe not in file.parents):
                yield file, target / file.relative_to(place)


def _digest() -> str:
    """Return the SHA-256 of this program, its recipe and its requirements, in hexadecimal."""
    whole = hashlib.sha256("\n".join((*requirements(requires(_DISTRIBUTION) or []), _COMMAND)).encode())
    for file, name in _program_files():
        content = file.read_bytes()
        whole.update(f"{name} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def _archive(client: docker.APIClient, level_image_id: str) -> bytes:
    """Return the layer: dependencies, program and command. Raises ImageError and EngineError."""
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="inception-") as directory, tarfile.open(fileobj=buffer, mode="w") as layer:
        _install(Path(directory), *_python_of(client, level_image_id))
        layer.add(directory, arcname=_MODULES, filter=_owned_by_root)
        for file, name in _program_files():
            layer.add(file, arcname=f"{_MODULES}/{name}", filter=_owned_by_root)
        _add_text(layer, _COMMAND_FILE, _COMMAND, mode=0o755)
        _add_text(layer, str(LEVEL_IMAGE_FILE.relative_to("/")), _labels_of(client, level_image_id), mode=0o644)
    return buffer.getvalue()


def _add_text(layer: tarfile.TarFile, path: str, text: str, *, mode: int) -> None:
    member = tarfile.TarInfo(path)
    member.size, member.mode = len(text.encode()), mode
    layer.addfile(member, io.BytesIO(text.encode()))


def _labels_of(client: docker.APIClient, image_id: str) -> str:
    """Return the image's labels as JSON: a client makes level images of its own root by them. Raises EngineError."""
    with translated("reading the level image"):
        return json.dumps((client.inspect_image(image_id).get("Config") or {}).get("Labels") or {})


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member.replace(uid=0, gid=0, uname="root", gname="root", deep=False)


def _python_of(client: docker.APIClient, image_id: str) -> tuple[str, str]:
    """Return the version of the image's Python, as 3.13, and its machine, as x86_64. Raises EngineError."""
    with (
        translated("asking the level image for its Python"),
        helper_container(client, image_id, ["python3", "-c", _ASK_PYTHON]) as asking,
    ):
        client.start(asking)
        client.wait(asking)
        major, minor, machine = client.logs(asking, stderr=False).decode().split()
    return f"{major}.{minor}", machine


def _install(directory: Path, python: str, machine: str) -> None:
    """Install the dependencies for that Python into `directory`. Raises ImageError."""
    platforms = (word for glibc in _GLIBCS for word in ("--platform", f"{glibc}_{machine}"))
    command = (
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
        *("--target", str(directory), "--only-binary=:all:", "--implementation=cp", f"--python-version={python}"),
        *platforms,
        *requirements(requires(_DISTRIBUTION) or []),
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or done.stderr.splitlines()
        raise ImageError(
            f"pip cannot fetch the program's dependencies for Python {python}: {errors[-1] if errors else 'no reason'}",
            remedy="have pip installed beside inception, and let it reach a package index",
        )
