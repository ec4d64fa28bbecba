"""Recipe of the level image, and the tag that follows from it.

The recipe is the directory `image/` of the repository; an installed package carries a copy of it. The tag is a digest
of everything in it, which includes the packages that the runner imports, and of the suite, the base and the engine that
a build uses instead: the same inputs give the same tag, so an existing image need not be built again.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from inception.errors import ImageError, UsageError
from inception.image.docker_packages import DockerPackages
from inception.image.host_engine import HostFile, copy_host_engine, find_host_engine
from inception.image.method import DEFAULT_SUITE, LACKING, NEEDED, Suite
from inception.plan.light_dataclasses import dataclass

REPOSITORY = "inception-level"
LABEL_RECIPE = "inception.recipe"
"""Label of every level image: the digest of the recipe; the tag is its beginning."""
LABEL_WAY = "inception.way"
LABEL_WITHOUT = "inception.without"
"""Label of a slim image: the names of the packages that it lacks, with commas between them."""
LABEL_MADE_OF = "inception.made-of"
"""Label of an image made of a level image: the level image's id."""
LABEL_ENGINE = "inception.engine-version"
"""Label of every level image: the version of the engine in it."""
_DIGITS_IN_TAG = 12
_BUILDER_PACKAGES = "packages-builder.txt"
_BYTE_CODE = "__pycache__"
"""Directory that Python makes where it has run or installed a program."""
_REMOVED = "remove.txt"
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.-]{1,40}")
"""Names of Debian packages that a tag can have in it: without a plus."""
_APT_OPTION = re.compile(r"[A-Za-z][\w:/.-]*\s+\S.*")
_APT_CONFIG = "apt.conf"
DOCKER_SOURCES = "docker.sources"
DOCKER_PREFERENCES = "docker.pref"
_COPY_OF_RECIPE = "COPY . /recipe\n"
# apt reaches a repository over TLS only with certificates of authorities, which a slim base image lacks.
_ADD_DOCKER = f"""\
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends ca-certificates \\
    && cp /recipe/{DOCKER_SOURCES} /etc/apt/sources.list.d/ && cp /recipe/{DOCKER_PREFERENCES} /etc/apt/preferences.d/
"""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Inputs of a level image: the recipe's directory, the suite or another base image, and another engine, if used.

    The engine is Debian's, or that of Docker's own packages (`docker`), or the host's.
    A `slim` image lacks the packages that people build and compose with; `packages` are more than the recipe's, and the
    tag ends with their names. `apt_options` are lines of apt.conf(5) for the
    build alone: they do not change what is built, nor the tag.
    """

    directory: Path
    suite: Suite = DEFAULT_SUITE
    slim: bool = False
    packages: tuple[str, ...] = ()
    apt_options: tuple[str, ...] = ()
    base: str | None = None
    docker: DockerPackages | None = None
    host_engine: tuple[HostFile, ...] = ()

    def digest(self) -> str:
        """Return the SHA-256 of all inputs of the image, in hexadecimal."""
        whole = hashlib.sha256()
        for path in sorted(self.directory.rglob("*")):
            if _BYTE_CODE in path.parts or (self.slim and path.name == _BUILDER_PACKAGES):
                continue
            if path.is_file():
                _add(whole, str(path.relative_to(self.directory)), path)
        if self.suite is not DEFAULT_SUITE:
            whole.update(" ".join(("suite", self.suite, *sorted(self._lacking), *self._needed)).encode() + b"\n")
        if self.packages:
            whole.update(f"packages {' '.join(self.packages)}\n".encode())
        if self.docker is not None:
            whole.update(f"{self.docker.describe()}\n".encode())
        if self.base is not None:
            whole.update(f"base {self.base}\n".encode())
        for file in self.host_engine:
            _add(whole, str(file.target), file.source)
        return whole.hexdigest()

    def tag(self) -> str:
        """Return the tag of the image that this recipe gives."""
        suite = "" if self.suite is DEFAULT_SUITE else f"{self.suite}-"
        engine = "" if self.docker is None else f"{self.docker.mark}-"
        marks = ("slim",) if self.slim else ()
        return "-".join((f"{REPOSITORY}:{suite}{engine}{self.digest()[:_DIGITS_IN_TAG]}", *marks, *self.packages))

    def stage(self, directory: Path) -> None:
        """Copy the recipe and the host's engine to `directory`, with modes that do not depend on the checkout's.

        Its Dockerfile has apt read the options.
        """
        shutil.copytree(self.directory, directory, ignore=shutil.ignore_patterns(_BYTE_CODE))
        if self.slim:
            (directory / _BUILDER_PACKAGES).unlink()
        for file in directory.glob("packages*.txt"):
            file.write_text("".join(f"{name}\n" for name in self._own_names(_names_in(file))))
        removed = (directory / _REMOVED).read_text().splitlines(keepends=True)
        kept = (line for line in removed if not any(word in line for word in self._needed))
        (directory / _REMOVED).write_text("".join(kept))
        if self.packages:
            (directory / "packages-more.txt").write_text("".join(f"{name}\n" for name in self.packages))
        prepared = ""
        if self.apt_options:
            (directory / _APT_CONFIG).write_text("".join(f"{line.rstrip(';')};\n" for line in self.apt_options))
            prepared += f"ENV APT_CONFIG=/recipe/{_APT_CONFIG}\n"
        if self.docker is not None:
            (directory / DOCKER_SOURCES).write_text(self.docker.sources(self.suite))
            (directory / DOCKER_PREFERENCES).write_text(self.docker.preferences())
            prepared += _ADD_DOCKER
        dockerfile = (directory / "Dockerfile").read_text()
        (directory / "Dockerfile").write_text(dockerfile.replace(_COPY_OF_RECIPE, _COPY_OF_RECIPE + prepared))
        if self.host_engine:
            copy_host_engine(self.host_engine, directory / "engine")
        for path in [directory, *directory.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)

    def base_image(self) -> str:
        """Return the image that the Dockerfile starts from."""
        return self.base or f"debian:{self.suite}-slim"

    def left_out(self) -> tuple[str, ...]:
        """Return the names of the packages that this image lacks and others have."""
        optional = _names_in(self.directory / _BUILDER_PACKAGES)
        return tuple(name for name in optional if self.slim or name in self._lacking)

    def _own_names(self, names: Iterable[str]) -> Iterator[str]:
        """Yield the packages of this image for `names`, those of the recipe."""
        for name in names:
            if name not in self._lacking and (own := self.docker.package(name) if self.docker else name):
                yield own

    @property
    def _lacking(self) -> frozenset[str]:
        # Docker's own packages are the same ones in each release.
        return frozenset() if self.docker else LACKING.get(self.suite, frozenset())

    @property
    def _needed(self) -> tuple[str, ...]:
        return NEEDED.get(self.suite, ())

    def image_settings(self) -> tuple[str, ...]:
        """Return the instructions of the Dockerfile's last stage but COPY: those for PATH, the command and so on."""
        last_stage = (self.directory / "Dockerfile").read_text().rpartition("\nFROM ")[2]
        lines = (line.strip() for line in last_stage.splitlines()[1:])
        return tuple(line for line in lines if line and not line.startswith(("#", "COPY")))


def find_recipe(
    *,
    suite: Suite | None = None,
    slim: bool = False,
    packages: Sequence[str] = (),
    base: str | None = None,
    apt_options: Sequence[str] = (),
    docker: DockerPackages | None = None,
    engine_from_host: bool = False,
) -> Recipe:
    """Return the recipe of this program. Raises ImageError if the host lacks the engine to be copied.

    Raises UsageError for a suite beside a base image, a name that no package has, and an option that apt cannot read.
    """
    if suite is not None and base is not None:
        raise UsageError(f"the packages' suite is that of {base}", remedy="leave out --suite or --base")
    if docker is not None:
        if base is not None:
            raise UsageError(f"Docker's packages are for a suite, not for {base}", remedy="give --suite for --base")
        if engine_from_host:
            raise UsageError("the engine cannot be Docker's and the host's", remedy="give one of the two options")
    for name in packages:
        if not _PACKAGE.fullmatch(name):
            raise UsageError(f"{name!r} cannot name a package", remedy="name one of Debian's, like crun")
    for option in apt_options:
        if not _APT_OPTION.fullmatch(option):
            raise UsageError(f"{option!r} is not an option of apt", remedy="write it like 'Acquire::Retries \"3\"'")
    return Recipe(
        directory=_recipe_directory(),
        suite=suite or DEFAULT_SUITE,
        slim=slim,
        packages=tuple(sorted(set(packages))),
        apt_options=tuple(apt_options),
        base=base,
        docker=docker,
        host_engine=find_host_engine() if engine_from_host else (),
    )


def default_tag() -> str:
    """Return the tag of the level image that this program builds without options."""
    return find_recipe().tag()


def package_names(recipe_directory: Path) -> tuple[str, ...]:
    """Return the names of the Debian packages of the level image."""
    return tuple(name for file in sorted(recipe_directory.glob("packages*.txt")) for name in _names_in(file))


def _names_in(file: Path) -> tuple[str, ...]:
    return tuple(name for line in file.read_text().splitlines() for name in line.partition("#")[0].split())


def _recipe_directory() -> Path:
    package = Path(__file__).resolve().parent
    for directory in (package / "recipe_files", package.parents[1] / "image"):
        if (directory / "packages.txt").is_file():
            return directory
    raise ImageError("the recipe of the level image is not installed", remedy="install inception-dind again")


def _add(whole: hashlib._Hash, name: str, path: Path) -> None:
    """Add one file's name and its content's digest, on a line each: content cannot pass for another file's."""
    with path.open("rb") as content:
        whole.update(f"{name} {hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
