"""The options of a chain, each declared once: commands take them, and the keys of a spec file are made of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Annotated, get_type_hints

import typer

from inception.errors import UsageError
from inception.plan.request import ImageTransfer, Inherit, NetworkMode, PidMode, Storage

LOOPBACK = "127.0.0.1"
"""Address that published engines listen on unless another is asked for."""

_Name = Annotated[str | None, typer.Option(metavar="NAME", help="Name of the chain.  [default: generated]")]
_Image = Annotated[
    str | None,
    typer.Option(metavar="TAG", help="Image that all levels run from.  [default: inception's own, built when missing]"),
]
_OptionImageTransfer = Annotated[
    ImageTransfer,
    typer.Option(help="How each level's engine gets the image: share its layers (graft), or docker load it."),
]
_LevelImages = Annotated[
    list[str] | None,
    typer.Option(
        "--level-image",
        metavar="LEVELS=TAG",
        help="Image that some levels run from, and so their engine (2=TAG, 2-4=TAG, 3-=TAG); repeatable.",
    ),
]
_ImageStores = Annotated[
    list[str] | None,
    typer.Option(
        "--image-store",
        metavar="[LEVELS=]STORE",
        help="Image store of all or some levels' engines: overlay2, containerd, or auto, the engine's own choice; "
        "repeatable.  [default: auto]",
    ),
]
_Runtimes = Annotated[
    list[str] | None,
    typer.Option(
        "--runtime",
        metavar="[LEVELS=]runc|crun|PATH",
        help="Runtime of all or some levels' engines, which the level's image must have; repeatable.",
    ),
]
_Pool = Annotated[str | None, typer.Option(metavar="CIDR", help="IPv4 range that the levels' subnets are cut from.")]
_Pid = Annotated[
    PidMode,
    typer.Option(help="Which levels get a PID namespace of their own: as many as fit, each, or level 1 alone."),
]
_Headroom = Annotated[int, typer.Option(metavar="N", help="Number of PID namespaces kept free below the bottom.")]
_OptionStorage = Annotated[Storage, typer.Option(help="Where each level keeps its data-root.")]
_StorageSize = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Size of level 1's loopback file: 5GB.", envvar="VAR_LIB_DOCKER_SIZE"),
]
_Network = Annotated[NetworkMode, typer.Option(help="How each level is connected to the one above.")]
_Dns = Annotated[
    list[str] | None, typer.Option(metavar="ADDRESS", help="Name server for every level; may be repeated.")
]
_Mtu = Annotated[int | None, typer.Option(metavar="BYTES", help="MTU of every level.  [default: the host's]")]
_Patience = Annotated[
    float, typer.Option(metavar="FACTOR", help="Multiply every time limit by this; for slow machines.")
]
_Force = Annotated[bool, typer.Option("--force", help="Start a chain that, by the estimates, does not fit.")]
_RestartEngines = Annotated[
    bool,
    typer.Option("--restart-engines", help="Start a level's dockerd again when it dies; what runs below it is kept."),
]
_Proxy = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Proxy of every level's engine, its builds and its containers.  [default: that of HTTP(S)_PROXY]",
    ),
]
_RegistryMirrors = Annotated[
    list[str] | None,
    typer.Option("--registry-mirror", metavar="URL", help="Mirror of Docker Hub for every level; may be repeated."),
]
_InsecureRegistries = Annotated[
    list[str] | None,
    typer.Option(
        "--insecure-registry",
        metavar="HOST[:PORT]|CIDR",
        help="Registry that every level uses without TLS, or with any certificate; may be repeated.",
    ),
]
_Ca = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="Certificate authorities (PEM) that every level trusts; may be repeated."),
]
_OptionInherit = Annotated[
    Inherit,
    typer.Option(help="Take over the proxies of the environment, and level 0's proxies and registries, or none."),
]
_Dockerd = Annotated[
    list[str] | None,
    typer.Option(metavar="[LEVELS:]ARG", help="Option of dockerd (2-4:--debug) in some or all levels; repeatable."),
]
_Memory = Annotated[
    list[str] | None,
    typer.Option(metavar="[LEVELS:]SIZE", help="Memory of the chain, or of a level with those below it; repeatable."),
]
_Cpus = Annotated[
    list[str] | None,
    typer.Option(metavar="[LEVELS:]N", help="CPUs of the chain, or of a level with those below it; repeatable."),
]
_Pids = Annotated[
    list[str] | None,
    typer.Option(metavar="[LEVELS:]N", help="Tasks of the chain, or of a level with those below it; repeatable."),
]
_ShmSize = Annotated[
    list[str] | None,
    typer.Option(metavar="[LEVELS:]SIZE", help="Size of /dev/shm in every level or in some; repeatable."),
]
_DaemonJson = Annotated[
    list[str] | None,
    typer.Option(metavar="[LEVELS:]FILE", help="A daemon.json for the engines of some or all levels; repeatable."),
]
_Mounts = Annotated[
    list[str] | None,
    typer.Option(
        "--mount",
        "--volume",
        "-v",
        metavar="[LEVELS=]SOURCE:TARGET[:ro]",
        help="Have a directory or file of this machine in all or some (2-4=) levels; repeatable.",
    ),
]
_Preload = Annotated[
    list[str] | None,
    typer.Option(
        metavar="IMAGE|FILE",
        help="Have an image of level 0, or those of a docker save archive, in every level's engine; repeatable.",
    ),
]
_Here = Annotated[
    bool, typer.Option("--here", help="Have the working directory in all levels, at the path that it has here.")
]


def chain_options(
    *,
    depth: int,
    name: _Name = None,
    image: _Image = None,
    image_transfer: _OptionImageTransfer = ImageTransfer.AUTO,
    level_images: _LevelImages = None,
    image_store: _ImageStores = None,
    runtimes: _Runtimes = None,
    pool: _Pool = None,
    pid: _Pid = PidMode.AUTO,
    headroom: _Headroom = 1,
    storage: _OptionStorage = Storage.AUTO,
    storage_size: _StorageSize = None,
    network: _Network = NetworkMode.BRIDGE,
    dns: _Dns = None,
    mtu: _Mtu = None,
    patience: _Patience = 1.0,
    force: _Force = False,
    restart_engines: _RestartEngines = False,
    proxy: _Proxy = None,
    registry_mirrors: _RegistryMirrors = None,
    insecure_registries: _InsecureRegistries = None,
    ca: _Ca = None,
    inherit: _OptionInherit = Inherit.ALL,
    dockerd: _Dockerd = None,
    daemon_json: _DaemonJson = None,
    memory: _Memory = None,
    cpus: _Cpus = None,
    pids: _Pids = None,
    shm_size: _ShmSize = None,
    mounts: _Mounts = None,
    preload: _Preload = None,
    here: _Here = False,
) -> None:
    """Declare the options that make a request: their names, types, defaults and help."""


def seconds(text: str) -> float:
    """Return the seconds in a duration like 90s or 1d12h. Raises UsageError."""
    from inception.plan.formats.duration import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(str(error), remedy="write it like 90s, 45m or 2h") from error


@cache
def parameters_of(function: Callable[..., object]) -> tuple[inspect.Parameter, ...]:
    """Return the parameters of `function`, their annotations evaluated, which takes some milliseconds."""
    hints = get_type_hints(function, include_extras=True)
    return tuple(it.replace(annotation=hints[it.name]) for it in inspect.signature(function).parameters.values())
