"""Images that every level's engine has from its start, beside the level image (`--preload`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from inception.plan.light_dataclasses import dataclass

_ARCHIVE_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class Preload:
    """An image at level 0, or an archive of images as `docker save` writes it: then `source` is its absolute path.

    `identity` is the image's id at level 0, or a digest of what the archive holds. `names` are the tags, `digests` the
    names by digest that a level's engine shall know it by. `size` is in bytes, unpacked if that is known.
    """

    source: str
    identity: str
    names: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    size: int = 0

    @property
    def is_archive(self) -> bool:
        """Whether it is a file of this machine."""
        return is_archive(self.source)

    @property
    def saved_as(self) -> str:
        """Name, or else the id, by which the level-0 engine saves the image."""
        return next(iter(self.names), self.identity)


def is_archive(source: str) -> bool:
    """Return whether `source` is the absolute path of an archive: no name of an image begins with a slash."""
    return source.startswith("/")


def names_file(text: str) -> bool:
    """Return whether a user who wrote `text` for a preload means a file, and not an image of level 0."""
    return text.startswith(("/", ".")) or text.endswith(_ARCHIVE_ENDINGS)


def distinct_preloads(preloads: Iterable[Preload]) -> tuple[Preload, ...]:
    """Return each preload once, in the order that does not depend on how a user put them."""
    return tuple(sorted({it.identity: it for it in preloads}.values(), key=lambda it: it.identity))


def digest_of(preloads: Iterable[Preload]) -> str:
    """Return some hexadecimal digits for a set of preloads and the names that their images are to have."""
    import hashlib  # It loads OpenSSL, for which no level is to wait.

    words = [" ".join((it.identity, *sorted(it.names), *sorted(it.digests))) for it in distinct_preloads(preloads)]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:_DIGITS]


def show_preload(preload: Preload) -> str:
    """Return the preload for people: `app:1`, or `app.tar (app:1, app:2)`."""
    if not preload.is_archive:
        return preload.source
    return f"{PurePosixPath(preload.source).name} ({', '.join(preload.names) or 'images without a name'})"
