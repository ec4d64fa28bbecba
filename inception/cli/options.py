"""The options that several commands take, each defined once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inception.errors import UsageError
from inception.plan.request import Request
from inception.spec.options import chain_options, parameters_of

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
    from inception.spec.request import make_request

    file = None
    if spec is not None:
        from inception.spec.read import read_spec

        file = read_spec(spec)
        arguments = file.applied(arguments, _given(context))
    if arguments["depth"] is None:
        raise UsageError(f"missing option '{depth_flag}' / '-d'", remedy=f"see {context.command_path} --help")
    values = {it.name: arguments.pop(it.name) for it in parameters_of(chain_options)}
    request = make_request(values, file)
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
