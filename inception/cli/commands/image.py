"""`inception image`: build, list, remove, export, load and verify the image that every level runs from."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from inception.cli import options
from inception.cli.output import print_json, print_table, say, say_unless
from inception.errors import UsageError
from inception.image.method import DEFAULT_SUITE, BuildMethod, Suite

app = typer.Typer(
    help="Build and keep the image that every level runs from.", add_completion=False, rich_markup_mode=None
)

Base = Annotated[
    str | None, typer.Option(metavar="IMAGE", help="Start the Dockerfile from this Debian image.", show_default=False)
]


_Method = Annotated[
    BuildMethod,
    typer.Option(
        help="From a Dockerfile (needs a base image), with mmdebstrap (needs Debian's package servers), or of files "
        "of the client image that this runs in."
    ),
]
_Suite = Annotated[
    Suite | None,
    typer.Option(
        help=f"Debian release of the image, which decides its engine.  [default: {DEFAULT_SUITE}]",
        show_default=False,
    ),
]
_Slim = Annotated[
    bool, typer.Option("--slim", help="Leave out buildx, compose, git and ssh: a smaller image that builds little.")
]
_Package = Annotated[
    list[str] | None,
    typer.Option(
        "--package", metavar="NAME", help="Debian package to add, such as crun; may be repeated.", show_default=False
    ),
]
_AptOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="OPTION",
        help="Option for apt, as in apt.conf, while the image is built; may be repeated.",
        show_default=False,
    ),
]
_DockerChannel = Annotated[
    str | None,
    typer.Option(metavar="CHANNEL", help="Take Docker's own packages, of this channel: stable.", show_default=False),
]
_DockerVersion = Annotated[
    str | None,
    typer.Option(
        metavar="VERSION", help="Version of Docker's packages: 29 or 29.1.5.  [default: newest]", show_default=False
    ),
]
_AptUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Repository of Docker's packages.  [default: Docker's]", show_default=False),
]
_AptKey = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Public key of that repository.  [default: URL/gpg, over TLS]", show_default=False
    ),
]
_EngineFromHost = Annotated[
    bool, typer.Option("--engine-from-host", help="Copy the host's own docker binaries into the image.")
]

_Cli = Annotated[
    bool,
    typer.Option(
        "--cli", help="Also build the image inception-cli, this command line in a container; pip fetches what it needs."
    ),
]


@app.command()
def build(
    *,
    method: _Method = BuildMethod.AUTO,
    suite: _Suite = None,
    slim: _Slim = False,
    package: _Package = None,
    base: Base = None,
    apt_option: _AptOption = None,
    docker_channel: _DockerChannel = None,
    docker_version: _DockerVersion = None,
    apt_url: _AptUrl = None,
    apt_key: _AptKey = None,
    engine_from_host: _EngineFromHost = False,
    cli: _Cli = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build it even if it exists.")] = False,
    engine: options.EngineAddress = "auto",
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Build the level image and print its tag. Also build the image `inception`.

    Nothing is built that exists already; see --rebuild.
    """
    from inception.chain.interrupts import raising_interrupted
    from inception.engine.connect import connect_to
    from inception.image.build import build_image
    from inception.image.client import ensure_client_image
    from inception.image.docker_packages import find_docker_packages
    from inception.image.recipe import find_recipe
    from inception.image.standalone import ensure_standalone
    from inception.image.store import find_image, stored_image

    on_message = say_unless(quiet=quiet)
    recipe = find_recipe(
        suite=suite,
        slim=slim,
        packages=package or (),
        base=base,
        apt_options=apt_option or (),
        docker=find_docker_packages(docker_channel, docker_version, apt_url, apt_key),
        engine_from_host=engine_from_host,
    )
    tag = recipe.tag()
    with raising_interrupted(), connect_to(engine, on_message) as level_0:
        if not rebuild and find_image(level_0.client, tag) is not None:
            on_message(f"{tag} exists already; --rebuild builds it again")
        else:
            build_image(level_0.client, recipe, method=method, on_message=on_message)
        image = stored_image(level_0.client, tag)
        ensure_standalone(level_0.client, image.image_id, on_message=on_message)
        if cli:
            ensure_client_image(level_0.client, image.image_id, on_message=on_message)
    if as_json:
        print_json(asdict(image))
    else:
        typer.echo(tag)


@app.command("ls")
def list_(*, engine: options.EngineAddress = "auto", as_json: options.Json = False) -> None:
    """List the level images on the engine, and their seeds."""
    from inception.engine.connect import connect_to
    from inception.image.store import list_images

    with connect_to(engine, say) as level_0:
        images = list_images(level_0.client)
    if as_json:
        print_json([asdict(image) for image in images])
        return
    rows = (
        (
            ", ".join(image.tags) or "<untagged>",
            _short(image.image_id),
            f"{image.size_bytes / 1e6:.0f} MB",
            image.engine_version or "unknown",
            image.way if image.made_of is None else f"level image {_short(image.made_of)}",
            image.seed or "none yet",
        )
        for image in images
    )
    print_table([("IMAGE", "ID", "SIZE", "ENGINE", "BUILT WITH", "SEED"), *rows])


@app.command()
def rm(
    *,
    images: Annotated[
        list[str] | None, typer.Argument(metavar="[IMAGE]...", help="Tags or ids.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Remove every level image on the engine.")] = False,
    engine: options.EngineAddress = "auto",
) -> None:
    """Remove level images with their seeds and derived images."""
    from inception.engine.connect import connect_to
    from inception.image.store import list_images, remove_image

    if bool(images) == every:
        raise UsageError("image rm needs either images or --all", remedy="see inception image ls for their names")
    with connect_to(engine, say) as level_0:
        for name in images or [name for it in list_images(level_0.client) for name in it.tags or (it.image_id,)]:
            remove_image(level_0.client, name)
            typer.echo(f"removed {name}")


@app.command()
def export(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write, as docker save does.")],
    image: Annotated[
        str | None,
        typer.Argument(metavar="[IMAGE]", help="A tag or an id.  [default: inception's own]", show_default=False),
    ] = None,
    engine: options.EngineAddress = "auto",
) -> None:
    """Write a level image to a tar file that any engine loads."""
    from inception.chain.interrupts import raising_interrupted
    from inception.engine.connect import connect_to
    from inception.image.recipe import default_tag
    from inception.image.store import export_image

    with raising_interrupted(), connect_to(engine, say) as level_0:
        name = image or default_tag()
        size = export_image(level_0.client, name, file)
    say(f"wrote {name} to {file}: {size / 1e6:.0f} MB")


@app.command()
def load(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File that export, or docker save, wrote.")],
    engine: options.EngineAddress = "auto",
) -> None:
    """Load a level image from a tar file, also into a private engine; print its tag."""
    from inception.chain.interrupts import raising_interrupted
    from inception.engine.connect import connect_to
    from inception.image.store import load_image

    with raising_interrupted(), connect_to(engine, say) as level_0:
        names = load_image(level_0.client, file)
    for name in names:
        typer.echo(name)


@app.command()
def verify(
    *,
    image: Annotated[
        str | None,
        typer.Argument(metavar="[IMAGE]", help="A tag or an id.  [default: inception's own]", show_default=False),
    ] = None,
    engine: options.EngineAddress = "auto",
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Boot one level from an image and check each of its parts. Exit with 1 if one fails."""
    from inception.chain.interrupts import raising_interrupted
    from inception.chain.naming import generate_name
    from inception.chain.verify import verify_image
    from inception.engine.connect import connect_to
    from inception.image.recipe import default_tag
    from inception.plan.request import Request

    on_message = say_unless(quiet=quiet)
    request = Request(depth=1, name=generate_name(), image=image or default_tag())
    with raising_interrupted(), connect_to(engine, on_message) as level_0:
        checks = verify_image(level_0, request, on_message)
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        print_table(
            [("PART", "RESULT", "OUTPUT"), *((it.name, "FAILED" if it.failed else "ok", it.detail) for it in checks)]
        )
    if any(check.failed for check in checks):
        raise typer.Exit(1)


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:12]
