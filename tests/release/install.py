"""Install a package as users do: with pip for each Python that is here, with uv, with pipx."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_VERSIONS = ("3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A program that was installed: the `way`, its path, and the directory with its man pages."""

    way: str
    program: Path
    share: Path


def pythons() -> list[Path]:
    """Return the Pythons that the package supports, on the path or of pyenv, the oldest first; name those not found."""
    found = {version: _find(version) for version in _VERSIONS}
    if missing := [version for version, python in found.items() if python is None]:
        print(f"not tried, since it is not here: Python {', '.join(missing)}")
    return [it for it in found.values() if it is not None] or [Path(sys.executable)]


def _find(version: str) -> Path | None:
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = shutil.which(f"python{version}")
    places = [
        *([on_path] if on_path else []),
        *map(str, sorted(home.glob(f"versions/{version}.*/bin/python{version}"))),
    ]
    return next((Path(it) for it in places if _runs(it)), None)


def _runs(python: str) -> bool:
    """Return whether `python` is one: a version manager's stands for some that are not installed."""
    return subprocess.run((python, "-c", "import venv"), capture_output=True, check=False).returncode == 0


def by_pip(package: Path, python: Path, place: Path) -> Installed:
    """Install `package` into a virtual environment of its own. Raises CalledProcessError."""
    kind = "wheel" if package.suffix == ".whl" else "source distribution"
    home = place / f"pip-{python.name}-{package.suffix[1:]}"
    _run(python, "-m", "venv", home)
    _run(home / "bin/pip", "install", "-qq", "--disable-pip-version-check", f"{package}[tls]")
    return Installed(way=f"pip, {python.name}, {kind}", program=home / "bin/inception", share=home / "share")


def by_uv(wheel: Path, place: Path) -> Installed:
    """Install `wheel` with `uv tool install`. Raises CalledProcessError."""
    home = place / "uv"
    environment = {"UV_TOOL_DIR": str(home / "tools"), "UV_TOOL_BIN_DIR": str(home / "bin")}
    _run(_tool("uv"), "tool", "install", "--quiet", "--python", sys.executable, wheel, **environment)
    return Installed(way="uv tool", program=home / "bin/inception", share=home / "tools/inception-dind/share")


def by_pipx(wheel: Path, place: Path) -> Installed:
    """Install `wheel` with pipx. Raises CalledProcessError."""
    home = place / "pipx"
    places = {"PIPX_HOME": str(home), "PIPX_BIN_DIR": str(home / "bin"), "PIPX_MAN_DIR": str(home / "man")}
    _run(_tool("pipx"), "install", "--quiet", wheel, **places)
    return Installed(way="pipx", program=home / "bin/inception", share=home / "venvs/inception-dind/share")


def _tool(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def _run(*command: str | Path, **environment: str) -> None:
    subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, check=True)
