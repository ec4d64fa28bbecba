"""`inception help [TOPIC]`: show a page of the manual: a command, a topic or an error."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from inception.cli.command_table import COMMANDS
from inception.errors import InceptionError


def _topics(incomplete: str) -> list[str]:
    """Return the topics that begin with `incomplete`, for the shell's completion."""
    from inception.cli.manual import error_sections, pages

    return sorted(it for it in {*COMMANDS, *pages(), *error_sections()} if it.startswith(incomplete))


def help_(
    context: typer.Context,
    topic: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOPIC]",
            help="A command, a page, or the name of an error.  [default: the list of pages]",
            autocompletion=_topics,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show a page of the manual: a command, a topic or an error.

    The name of an error is at the end of its message.
    """
    from inception.cli.manual import error_sections, pages

    words = topic or []
    name = " ".join(words)
    if not words:
        _list()
    elif words[0] in COMMANDS:
        typer.echo(_help_of_command(context, words))
    elif (text := error_sections().get(name)) is not None:
        _show(text)
    elif (page := pages().get(name)) is not None:
        _show(page.text)
    else:
        raise _unknown(name)


def _list() -> None:
    from inception.cli.manual import pages
    from inception.cli.output import print_table

    print_table([("TOPIC", "PAGE"), *((page.topic, page.title) for page in pages().values())])
    typer.echo("\nA command (inception help up) and the name of an error (inception help no-chain) are topics, too.")


def _help_of_command(context: typer.Context, words: list[str]) -> str:
    """Return the text of --help of the command that `words` lead to. Raises UsageError."""
    command: Any = context.find_root().command
    parent: Any = context.find_root()
    for word in words:
        found = command.commands.get(word) if hasattr(command, "commands") else None
        if found is None:
            raise _unknown(" ".join(words))
        command = found
        parent = type(context)(command, info_name=word, parent=parent)
    text: str = command.get_help(parent)
    return text


def _show(markdown: str) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    Console(highlight=False).print(Markdown(markdown, hyperlinks=False))


def _unknown(name: str) -> InceptionError:
    from difflib import get_close_matches

    from inception.cli.manual import error_sections, pages
    from inception.errors import UsageError

    near = get_close_matches(name, [*COMMANDS, *pages(), *error_sections()], n=3)
    remedy = f"is it {' or '.join(near)}?" if near else "see: inception help"
    return UsageError(f"there is no topic {name!r}", remedy=remedy)
