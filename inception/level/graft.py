"""Gives a level the chain's image without copying it: binds the layers of the seed, read-only, into its data-root.

An engine's metadata on an image are small (`image/overlay2`, and two or three little files a layer): they are copied.
The layers' files are large and never change: each layer's `diff` is bound from the seed. The binds must be read-only:
an engine that deletes the image would otherwise delete the files of every level.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from inception.linux.mounts import BindReadOnly

_DRIVER = "overlay2"
_LAYER_FILES = ("link", "lower", "committed")


@dataclass(frozen=True, kw_only=True)
class Seed:
    """A data-root that holds just the chain's image, in `directory`.

    `image_id` is the image's id in a level's engine. That in level 0's may differ, as with containerd's image store.
    `engine_version` is the version of the image's dockerd.
    """

    directory: Path
    image_id: str
    engine_version: str = ""

    @property
    def data_root(self) -> Path:
        """Directory that a dockerd has used as its data-root."""
        return self.directory / "data-root"

    @property
    def tarball(self) -> Path:
        """The image as `docker save` writes it, for levels that load it."""
        return self.directory / "image.tar"

    @classmethod
    def read(cls, directory: Path) -> Seed:
        """Read the seed in `directory`. Raises OSError or ValueError if it is not complete."""
        fields = json.loads((directory / "seed.json").read_text())
        return cls(directory=directory, image_id=fields["image_id"], engine_version=fields.get("engine_version", ""))


@dataclass(frozen=True, kw_only=True)
class Graft:
    """Steps that give one level a seed's image: directories and small files to copy, layers to bind."""

    copies: tuple[tuple[Path, Path], ...]
    binds: tuple[BindReadOnly, ...]

    def execute(self) -> None:
        """Make the data-root. It must not hold an image yet. Raises OSError."""
        # Not at the top: it brings compression, which takes a level 2 ms, and now containerd boots meanwhile.
        import shutil

        for source, target in self.copies:
            if source.is_dir():
                shutil.copytree(source, target, symlinks=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
        for bind in self.binds:
            bind.target.mkdir(parents=True)
            bind.execute()


def plan_graft(seed: Seed, data_root: Path) -> Graft:
    """Plan the graft of `seed` into `data_root`. Raises FileNotFoundError if the seed is no overlay2 data-root."""
    copies = [
        (seed.data_root / "image", data_root / "image"),
        (seed.data_root / _DRIVER / "l", data_root / _DRIVER / "l"),
    ]
    binds = []
    for layer in sorted((seed.data_root / _DRIVER).iterdir()):
        if layer.name == "l" or not (layer / "diff").is_dir():
            continue
        target = data_root / _DRIVER / layer.name
        binds.append(BindReadOnly(layer / "diff", target / "diff"))
        copies.extend((layer / name, target / name) for name in _LAYER_FILES if (layer / name).exists())
    return Graft(copies=tuple(copies), binds=tuple(binds))
