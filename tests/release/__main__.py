"""Build the packages twice, compare them, install them in clean places and run them there: `make release-check`.

The packages are made from the last commit alone, in `dist`. As root, a chain of one level is started from each place.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from inception import __version__
from tests.release.install import Installed, by_pip, by_pipx, by_uv, pythons

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
_DATED = re.compile(r"^## \[([\d.]+)\] - \d{4}-\d{2}-\d{2}$", re.MULTILINE)


def main() -> int:
    """Return 0 if all checks pass. Raises SystemExit with the reason otherwise."""
    _check_version()
    with tempfile.TemporaryDirectory(prefix="release-") as directory:
        place = Path(directory)
        packages = _build_twice(place)
        wheel, sdist = packages
        made = [
            *(by_pip(wheel, python, place) for python in pythons()),
            by_pip(sdist, Path(sys.executable), place),
            by_uv(wheel, place),
            by_pipx(wheel, place),
        ]
        for installed in made:
            _check(installed)
        shutil.rmtree(DIST, ignore_errors=True)
        DIST.mkdir()
        for package in packages:
            shutil.copy(package, DIST)
    print(f"release {__version__} is good: see {DIST}")
    return 0


def _check_version() -> None:
    """Leave unless the newest dated part of the changelog is that of this version."""
    newest = _DATED.search((ROOT / "CHANGELOG.md").read_text())
    if newest is None or newest[1] != __version__:
        sys.exit(f"CHANGELOG.md has no dated part on top for {__version__}: write one, or set the version")


def _build_twice(place: Path) -> tuple[Path, Path]:
    """Return the wheel and the source distribution, built twice from a clean checkout each. Leave if they differ."""
    first, second = (_build(place / name) for name in ("first", "second"))
    for one, other in zip(first, second, strict=True):
        if one.read_bytes() != other.read_bytes():
            sys.exit(f"{one.name} differs when it is built again")
        print(f"the same twice: {one.name}, {one.stat().st_size} bytes")
    return first


def _build(place: Path) -> tuple[Path, Path]:
    """Return the wheel and the source distribution of the last commit, with man pages and completions."""
    subprocess.run(("git", "-C", ROOT, "worktree", "add", "--quiet", "--detach", place), check=True)
    try:
        moment = subprocess.run(
            ("git", "-C", ROOT, "log", "-1", "--format=%ct"), stdout=subprocess.PIPE, text=True, check=True
        ).stdout.strip()
        environment = {**os.environ, "SOURCE_DATE_EPOCH": moment, "PYTHONPATH": str(place)}
        share = place / "build/share"
        sphinx = (sys.executable, "-m", "sphinx", "-q", "-W", "-b", "man", "-d", place / "build/doctrees")
        completions = (
            sys.executable,
            "-m",
            "docs.tools.completions",
            Path(sys.executable).with_name("inception"),
            share,
        )
        for command in (
            (*sphinx, "docs", share / "man/man1"),
            completions,
            (sys.executable, "-m", "build", "--no-isolation"),
        ):
            subprocess.run(command, cwd=place, env=environment, stdout=subprocess.DEVNULL, check=True)
        kept = place.with_name(f"{place.name}.dist")
        shutil.copytree(place / "dist", kept)
    finally:
        subprocess.run(("git", "-C", ROOT, "worktree", "remove", "--force", place), check=True)
    (wheel,), (sdist,) = kept.glob("*.whl"), kept.glob("*.tar.gz")
    return wheel, sdist


def _check(installed: Installed) -> None:
    """Leave unless the program that was installed runs, has its manual, and as root nests an engine."""
    steps = [
        (("--version",), f"inception {__version__}"),
        (("help", "first-steps"), "Five minutes"),
        (("up", "--help"), "--depth"),
    ]
    if os.geteuid() == 0:
        steps.append((("--quiet", "--depth", "1", "--", "hostname"), "-1"))
    for arguments, expected in steps:
        done = subprocess.run((installed.program, *arguments), capture_output=True, text=True, check=False)
        if done.returncode != 0 or expected not in done.stdout:
            sys.exit(f"{installed.way}: inception {' '.join(arguments)}: {done.stdout}{done.stderr}")
    if not (page := installed.share / "man/man1/inception-up.1").is_file():
        sys.exit(f"{installed.way}: there is no {page}")
    print(f"runs: {installed.way}{', with a level' if os.geteuid() == 0 else ''}")


if __name__ == "__main__":
    sys.exit(main())
