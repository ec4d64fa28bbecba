"""The options that several commands take, each defined once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from inception.errors import UsageError
from inception.plan.request import ImageTransfer, Inherit, NetworkMode, PidMode, Request, Storage

if TYPE_CHECKING:
    from inception.chain.forwarding.forward import Exposure, Forward

EngineAddress = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="host|private|auto|ADDRESS",
        help="Level-0 engine; auto is the host's, or a private one if none answers.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

Published = Annotated[
    list[str] | None,
    typer.Option(
        "--publish-engine",
        metavar="[LEVEL:]PORT",
        help="Publish a level's engine on a TCP port of this machine, with TLS.  [default level: the bottom]",
        show_default=False,
    ),
]
PublishAddress = Annotated[
    str, typer.Option("--publish-address", metavar="ADDRESS", help="Address that published engines listen on.")
]
TlsNames = Annotated[
    list[str] | None,
    typer.Option(
        "--tls-san",
        metavar="NAME|ADDRESS",
        help="Add a name or address to the certificate of published engines; may be repeated.",
        show_default=False,
    ),
]
Plaintext = Annotated[
    bool,
    typer.Option(
        "--insecure-plaintext", help="Publish without TLS: every user of this machine can become root through it."
    ),
]
LOOPBACK = "127.0.0.1"


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


def share(text: str) -> float:
    """Return 0.2 for `20%`. Raises UsageError."""
    share = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", text)
    if share is None:
        raise UsageError(f"{text!r} is not a percentage", remedy="write it like 20%")
    return float(share[1]) / 100


_Spec = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="File (TOML) that describes the chain; options given otherwise prevail.",
        show_default=False,
    ),
]


def with_chain_options(
    *,
    depth_flag: str = "--depth",
    depth_help: str = "Number of engines to nest; 0 is the host itself.",
    default_depth: int | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command every option of `chain_options`, and a spec file; it is called with the `request` that they make.

    Without a `default_depth` the depth is required. A command that has the parameter `carried` gets the file's forwards
    and exposures.
    """
    hint = Annotated[int | None, typer.Option(depth_flag, "-d", metavar="N", help=depth_help)]
    shared = parameters_of(chain_options)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = {it.name: it for it in parameters_of(command)}

        def wrapper(*, context: typer.Context, spec: str | None, **arguments: Any) -> None:
            request, carried, others = _read(context, spec, arguments, depth_flag)
            made = {"request": request, "carried": carried, "context": context}
            command(**{name: value for name, value in made.items() if name in own}, **others)

        extra = (("context", typer.Context, _REQUIRED), ("depth", hint, default_depth), ("spec", _Spec, None))
        parameters = [
            *(inspect.Parameter(name, _KEYWORD, default=default, annotation=kind) for name, kind, default in extra),
            *(it for it in shared if it.name != "depth"),
            *(it for name, it in own.items() if name not in {"request", "carried", "context"}),
        ]
        return with_signature(wrapper, command, parameters)

    return decorate


_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_REQUIRED = inspect.Parameter.empty


def _read(
    context: typer.Context, spec: str | None, arguments: dict[str, Any], depth_flag: str
) -> tuple[Request, tuple[Forward | Exposure, ...], dict[str, Any]]:
    """Return the request, the forwards of the spec file, and the other arguments of a command. Raises UsageError."""
    from inception.chain.inputs.request import read_request

    names = [it.name for it in parameters_of(chain_options)]
    file = None
    if spec is not None:
        from inception.cli.spec.read import read_spec

        file = read_spec(spec)
        arguments = file.applied(arguments, _given(context))
    if arguments["depth"] is None:
        raise UsageError(f"missing option '{depth_flag}' / '-d'", remedy=f"see {context.command_path} --help")
    values = {name: arguments.pop(name) for name in names}
    values["places"] = () if file is None else file.places_of(values["depth"])

    def make(values: dict[str, Any]) -> Request:
        return read_request({name: value for name, value in values.items() if name != "here"}, here=values["here"])

    try:
        request = make(values)
    except UsageError as error:
        if file is None:
            raise
        plain = {it.name: it.default for it in parameters_of(chain_options)}
        depth = {"depth": values["depth"]}
        raise file.placed(
            error, lambda one: make({**plain, **depth, **{it: one[it] for it in names if it in one}})
        ) from error
    return request, () if file is None else file.carried(request.shape), arguments


def _given(context: typer.Context) -> set[str]:
    """Return the names of the parameters that the command line or a variable gives."""
    sources = {it.name: context.get_parameter_source(it.name) for it in context.command.params if it.name}
    return {name for name, it in sources.items() if it is not None and it.name in {"COMMANDLINE", "ENVIRONMENT"}}


def with_signature(
    wrapper: Callable[..., None], command: Callable[..., None], parameters: list[inspect.Parameter]
) -> Callable[..., None]:
    """Return `wrapper` with the name and help text of `command`, and with `parameters`, for typer to read."""
    wrapper.__name__ = command.__name__
    wrapper.__doc__ = command.__doc__
    wrapper.__annotations__ = {it.name: it.annotation for it in parameters}
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return wrapper


@cache
def parameters_of(function: Callable[..., object]) -> tuple[inspect.Parameter, ...]:
    """Return the parameters of `function`, their annotations evaluated, which takes some milliseconds."""
    hints = get_type_hints(function, include_extras=True)
    return tuple(it.replace(annotation=hints[it.name]) for it in inspect.signature(function).parameters.values())
