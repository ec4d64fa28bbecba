"""Give a level the chain's image without copying it: share the layers of the seed with its data-root.

An engine's metadata on an image are small, and copied. The layers' files are large and never change; they are shared
so that an engine that deletes the image deletes the files of no other level:

- overlay2: `image/overlay2` and two or three little files a layer are copied, each layer's `diff` is bound read-only.
- containerd: the two databases are copied, and each layer's `fs` and each blob are symbolic links into the seed. All
  of it is named by relative ids there. A link is deleted like a file, where containerd could not delete what is bound,
  and would keep failing at it; and new blobs and layers lie beside the links.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from inception.linux.copying import copy_metadata
from inception.linux.mounts import BindReadOnly, unmount
from inception.plan.directories import CONTAINERD_ROOT
from inception.plan.light_dataclasses import dataclass
from inception.plan.paths import preload_file
from inception.plan.request import ImageStore

_DRIVER = "overlay2"
_LAYER_FILES = ("link", "lower", "committed")
_METADATA = Path("io.containerd.metadata.v1.bolt")
_CONTENT = Path("io.containerd.content.v1.content")
_SNAPSHOTTER = Path("io.containerd.snapshotter.v1.overlayfs")
_DATABASES = (_METADATA / "meta.db", _SNAPSHOTTER / "metadata.db")
_ROOT_MODE = 0o711
_PLUGIN_MODE = 0o700


@dataclass(frozen=True, kw_only=True)
class SeedPreload:
    """A preload in a seed: its archive, the ids that its images have in a level's engine, and their names."""

    archive: Path
    image_ids: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Seed:
    """A data-root that holds just the chain's image and its preloads, in `directory`, in the image store `store`.

    `store` is not AUTO. `image_id` is the image's id in a level's engine. That in level 0's may differ, as with
    containerd's image store. `engine_version` is the version of the image's dockerd.
    """

    directory: Path
    image_id: str
    store: ImageStore
    engine_version: str = ""
    preloads: tuple[SeedPreload, ...] = ()

    @property
    def data_root(self) -> Path:
        """Directory that a dockerd has used as its data-root."""
        return data_root_in(self.directory)

    @property
    def tarball(self) -> Path:
        """The image as `docker save` writes it, for levels that load it."""
        return tarball_in(self.directory)

    @classmethod
    def read(cls, directory: Path) -> Seed:
        """Read the seed in `directory`. Raises OSError or ValueError if it is not complete."""
        fields = json.loads((directory / "seed.json").read_text())
        # Seeds were of this store alone before they named it.
        store = ImageStore(fields.get("image_store", ImageStore.OVERLAY2))
        return cls(
            directory=directory,
            image_id=fields["image_id"],
            store=store,
            engine_version=fields.get("engine_version", ""),
            preloads=tuple(
                SeedPreload(
                    archive=directory / preload_file(index),
                    image_ids=tuple(preload["image_ids"]),
                    names=tuple(preload["names"]),
                )
                for index, preload in enumerate(fields.get("preloads", ()))
            ),
        )


def data_root_in(seed_directory: Path) -> Path:
    """Return the data-root of the seed in `seed_directory`."""
    return seed_directory / "data-root"


def tarball_in(seed_directory: Path) -> Path:
    """Return the tarball of the seed in `seed_directory`."""
    return seed_directory / "image.tar"


@dataclass(frozen=True, kw_only=True)
class Graft:
    """Steps that give one level a seed's image: `directories` to make, with their modes, files to copy, bind and link.

    `copies` and `links` are pairs of a path in the seed and one in the level. `tops` are the directories below which
    everything is made.
    """

    tops: tuple[Path, ...]
    directories: tuple[tuple[Path, int], ...] = ()
    copies: tuple[tuple[Path, Path], ...]
    binds: tuple[BindReadOnly, ...] = ()
    links: tuple[tuple[Path, Path], ...] = ()

    def execute(self) -> None:
        """Make the data-root. It must not hold an image yet. Raises OSError, and leaves nothing then."""
        try:
            self._execute()
        except BaseException:
            self._undo()
            raise

    def _execute(self) -> None:
        for directory, mode in self.directories:
            directory.mkdir(mode, parents=True)
        parents = {it.parent for _, it in (*self.copies, *self.links)} | {it.target for it in self.binds}
        for parent in parents:
            parent.mkdir(parents=True, exist_ok=True)
        for source, target in self.copies:
            copy_metadata(str(source), str(target))
        for bind in self.binds:
            bind.execute()
        for source, target in self.links:
            target.symlink_to(source)

    def _undo(self) -> None:
        # Not at the top: it brings compression, which takes a level 2 ms, and now containerd boots meanwhile.
        import shutil

        for bind in self.binds:
            with suppress(OSError):  # Not every one was made.
                unmount(bind.target)
        for top in self.tops:
            shutil.rmtree(top, ignore_errors=True)


def plan_graft(seed: Seed, data_root: Path) -> Graft:
    """Plan the graft of `seed` into `data_root`. Raises FileNotFoundError if the seed lacks part of its store."""
    return _plan_containerd(seed, data_root) if seed.store is ImageStore.CONTAINERD else _plan_overlay2(seed, data_root)


def is_used(data_root: Path) -> bool:
    """Return whether a dockerd has run with this data-root, as one has in a chain that was stopped."""
    return (data_root / "containers").is_dir()


def plan_regraft(seed: Seed, data_root: Path) -> Graft:
    """Plan what a `data_root` lacks that was grafted before, and whose binds have ended: only those are made again.

    A layer that has been removed from it since is left out. Raises FileNotFoundError if the seed lacks part of its
    store.
    """
    binds = () if seed.store is ImageStore.CONTAINERD else _plan_overlay2(seed, data_root).binds
    return Graft(tops=(), copies=(), binds=tuple(it for it in binds if it.target.is_dir()))


def _plan_overlay2(seed: Seed, data_root: Path) -> Graft:
    copies = [
        (seed.data_root / "image", data_root / "image"),
        (seed.data_root / _DRIVER / "l", data_root / _DRIVER / "l"),
    ]
    binds = []
    for layer in sorted((seed.data_root / _DRIVER).iterdir()):
        if layer.name == "l" or not (layer / "diff").is_dir():
            continue
        target = data_root / _DRIVER / layer.name
        binds.append(BindReadOnly(source=layer / "diff", target=target / "diff"))
        copies.extend((layer / name, target / name) for name in _LAYER_FILES if (layer / name).exists())
    return Graft(tops=(data_root / "image", data_root / _DRIVER), copies=tuple(copies), binds=tuple(binds))


def _plan_containerd(seed: Seed, data_root: Path) -> Graft:
    source, target = seed.data_root / CONTAINERD_ROOT, data_root / CONTAINERD_ROOT
    layers = sorted((source / _SNAPSHOTTER / "snapshots").iterdir())
    blobs = sorted((source / _CONTENT / "blobs").glob("*/*"))
    shared = [layer / "fs" for layer in layers] + blobs
    plugins = (_METADATA, _CONTENT, _SNAPSHOTTER)
    return Graft(
        tops=(target,),
        # As containerd would make them.
        directories=((target, _ROOT_MODE), *((target / plugin, _PLUGIN_MODE) for plugin in plugins)),
        copies=tuple((source / database, target / database) for database in _DATABASES),
        links=tuple((path, target / path.relative_to(source)) for path in shared),
    )
