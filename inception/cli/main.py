"""The command `inception`: its commands, and the one place that reports errors and exits."""

from __future__ import annotations

import gc
import os
import re
import sys
from itertools import takewhile
from textwrap import shorten
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup, TyperOption

from inception import __version__
from inception.cli.command_table import COMMANDS, LazyCommands
from inception.cli.std_streams import open_closed_streams
from inception.cli.variables import give_variables, variable_that_gave
from inception.errors import InceptionError, Interrupted, LevelError
from inception.plan.engine.proxies import mask_credentials
from inception.plan.formats.text import printable

DEFAULT_COMMAND = "run"
_OWN_OPTIONS = frozenset({"--help", "--version", "--install-completion", "--show-completion"})
_VERBOSE = "--verbose"
_GARBAGE_THRESHOLD = 100_000
"""New objects after which the interpreter looks for garbage; 700 by default."""


class DefaultRunGroup(TyperGroup):
    """The group of all commands, which each take --verbose, and their options from variables, too.

    `inception --depth 4` means `inception run --depth 4`; `inception` alone shows the help.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        _adapt(self)
        self.commands = LazyCommands(_adapt)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 typer does not export the type
        """Parse `args`, with the default command put in where none is named."""
        return super().parse_args(ctx, with_default_command(args))

    def list_commands(self, ctx: object) -> list[str]:
        """Return the names of the commands, in the order of their table."""
        del ctx
        return list(self.commands)

    def format_commands(self, ctx: object, formatter: Any) -> None:  # noqa: ANN401 the same
        """Write the list of commands by their summaries, without making them."""
        del ctx
        width = formatter.width - 6 - max(map(len, COMMANDS))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, shorten(entry.summary, width, placeholder="...")) for name, entry in COMMANDS.items()]
            )

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:  # noqa: ANN401 the same
        """Return the completions of `incomplete`: commands, and the default command's options."""
        items = super().shell_complete(ctx, incomplete)
        command = self.get_command(ctx, DEFAULT_COMMAND)
        if incomplete.startswith("-") and command is not None:
            items += command.shell_complete(type(ctx)(command, parent=ctx), incomplete)
        return items


def _adapt(command: Any) -> None:  # noqa: ANN401 the same
    """Give `command`, and all commands in it if it is a group, --verbose and the variables of their options."""
    command.params.append(
        TyperOption(
            param_decls=[_VERBOSE],
            is_flag=True,
            expose_value=False,
            callback=_show_log,
            help="Log engine calls, retries and the plan's decisions, as with INCEPTION_LOG=debug.",
        )
    )
    give_variables(command)
    for one in getattr(command, "commands", {}).values():
        _adapt(one)


def _show_log(_context: object, _parameter: object, asked: object) -> None:
    if asked:
        from inception.log import show_log

        show_log("debug")


def with_default_command(arguments: list[str]) -> list[str]:
    """Return the arguments with the default command put before the first one, if that is one of its options."""
    verbose = list(takewhile(_VERBOSE.__eq__, arguments))
    others = arguments[len(verbose) :]
    if not others:
        return ["--help"]
    if others[0].startswith("-") and others[0].split("=")[0] not in _OWN_OPTIONS:
        return [*verbose, DEFAULT_COMMAND, *others]
    return arguments


app = typer.Typer(
    cls=DefaultRunGroup,
    help="Nest Docker engines to any depth. Each option is also a variable: --depth is INCEPTION_DEPTH.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"inception {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> NoReturn:
    """Run the command line, report what failed in one line, and exit."""
    # Modules make objects that stay: to look for garbage among them takes a fifth of the time of a short command, half
    # of it as they load and half of it at the end.
    gc.set_threshold(_GARBAGE_THRESHOLD)
    open_closed_streams()
    status = run_arguments(sys.argv[1:])
    gc.freeze()
    sys.exit(status)


def run_arguments(arguments: list[str]) -> int:
    """Run the command line with `arguments` and return its exit status.

    A command sets its status with `typer.Exit`, and reports what failed by raising InceptionError or Interrupted.
    """
    try:
        if level := os.environ.get("INCEPTION_LOG"):
            from inception.log import show_log

            show_log(level)
        status = app(arguments, prog_name="inception", standalone_mode=False)
    except (InceptionError, Interrupted) as error:
        _report(str(error) if isinstance(error, Interrupted) else f"{error} (inception help {error.topic})")
        if isinstance(error, LevelError):
            sys.stderr.writelines(f"    {printable(mask_credentials(line))}\n" for line in error.log_tail)
        return error.exit_code
    except typer.TyperException as error:
        _name_variable(error)
        _report(f"{_as_reason(error.format_message())}: {_usage_remedy(error)}")
        return error.exit_code
    except typer.Abort:
        return 1
    return status if isinstance(status, int) else 0


def _report(message: str) -> None:
    sys.stderr.write(f"inception: error: {printable(mask_credentials(' '.join(message.split())))}\n")


def _name_variable(error: Any) -> None:  # noqa: ANN401 typer does not export the type
    """Have `error` name the variable, not the option, if that is where the wrong value came from."""
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    if context is not None and parameter is not None and (name := variable_that_gave(context, parameter)):
        error.param_hint = name


def _as_reason(sentence: str) -> str:
    """Return typer's sentence as one goes on after a colon, its names of types in plain words."""
    words = re.sub(r"a valid boolean\b.*", "yes or no", sentence[:1].lower() + sentence[1:].rstrip("."))
    return re.sub(r"a valid int( range)?$", "a whole number", re.sub(r"a valid float( range)?$", "a number", words))


def _usage_remedy(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"see {context.command_path if context else 'inception'} --help"
