"""The command `inception`: its commands, and the one place that reports errors and exits."""

from __future__ import annotations

import re
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from inception import __version__
from inception.cli.chains import add_commands
from inception.cli.commands import doctor, image, plan, report, run, stress
from inception.cli.std_streams import open_closed_streams
from inception.errors import InceptionError, Interrupted, LevelError

DEFAULT_COMMAND = "run"
_OWN_OPTIONS = frozenset({"--help", "--version", "--install-completion", "--show-completion"})


class DefaultRunGroup(TyperGroup):
    """`inception --depth 4` means `inception run --depth 4`; `inception` alone shows the help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 typer does not export the type
        return super().parse_args(ctx, with_default_command(args))

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:  # noqa: ANN401 the same
        items = super().shell_complete(ctx, incomplete)
        command = self.get_command(ctx, DEFAULT_COMMAND)
        if incomplete.startswith("-") and command is not None:
            items += command.shell_complete(type(ctx)(command, parent=ctx), incomplete)
        return items


def with_default_command(arguments: list[str]) -> list[str]:
    """Put the default command in front of arguments that start with one of its options."""
    if not arguments:
        return ["--help"]
    first = arguments[0]
    if first.startswith("-") and first.split("=")[0] not in _OWN_OPTIONS:
        return [DEFAULT_COMMAND, *arguments]
    return arguments


app = typer.Typer(
    cls=DefaultRunGroup,
    help="Nest Docker engines to any depth.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# A command of the bottom comes with options of its own: ours end where it begins.
app.command(context_settings={"allow_interspersed_args": False})(run.run)
app.command()(plan.plan)
app.command()(stress.stress)
app.command()(report.report)
add_commands(app)
app.command()(doctor.doctor)
app.add_typer(image.app, name="image")


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
    open_closed_streams()
    sys.exit(run_arguments(sys.argv[1:]))


def run_arguments(arguments: list[str]) -> int:
    """Run the command line with `arguments` and return its exit status.

    A command sets its status with `typer.Exit`, and reports what failed by raising InceptionError or Interrupted.
    """
    try:
        status = app(arguments, prog_name="inception", standalone_mode=False)
    except (InceptionError, Interrupted) as error:
        _report(str(error))
        if isinstance(error, LevelError):
            sys.stderr.writelines(f"    {line}\n" for line in error.log_tail)
        return error.exit_code
    except typer.TyperException as error:
        _report(f"{_as_reason(error.format_message())}: {_usage_remedy(error)}")
        return error.exit_code
    except typer.Abort:
        return 1
    return status if isinstance(status, int) else 0


def _report(message: str) -> None:
    sys.stderr.write(f"inception: error: {' '.join(message.split())}\n")


def _as_reason(sentence: str) -> str:
    """Turn typer's sentence, and its names of types, into words that go on after a colon."""
    words = sentence[:1].lower() + sentence[1:].rstrip(".")
    return re.sub(r"a valid int( range)?$", "a whole number", re.sub(r"a valid float( range)?$", "a number", words))


def _usage_remedy(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"see {context.command_path if context else 'inception'} --help"
