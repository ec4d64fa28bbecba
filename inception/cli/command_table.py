"""The table of all commands. A command's module is imported once it is called, or its own help is asked for."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, get_type_hints

import typer
from typer.core import TyperCommand
from typer.main import get_command

_COMMANDS = "inception.cli.commands"
_AMOUNT = {"ignore_unknown_options": True}
"""Context settings of a command that takes an amount: `-2` is no option."""


@dataclass(frozen=True, kw_only=True)
class CommandEntry:
    """A command or a group of commands: its `summary` for the list, and its place, MODULE:FUNCTION or MODULE:app.

    `trailing`: it takes a command of the user after `--`.
    """

    place: str
    summary: str
    context_settings: dict[str, Any] = field(default_factory=dict)
    trailing: bool = False


COMMANDS = {
    # The command to run at the bottom has options of its own: inception's end where it begins.
    "run": CommandEntry(
        place="run:run",
        summary="Descend N levels, run a shell or COMMAND there, and unwind.",
        context_settings={"allow_interspersed_args": False},
    ),
    "plan": CommandEntry(place="plan:plan", summary="Show what a descent of N levels would do, without doing it."),
    "stress": CommandEntry(
        place="stress:stress",
        summary="Descend to depth N or until a limit stops the chain, measure every level, and name the limit with "
        "evidence.",
    ),
    "report": CommandEntry(
        place="report:app", summary="Render a campaign's report again, or merge those of many machines."
    ),
    "fleet": CommandEntry(
        place="fleet:app",
        summary="Run a campaign on each node of a Swarm or of a Kubernetes cluster, and bring one report home.",
    ),
    "up": CommandEntry(place="up:up", summary="Start a chain of N levels, leave it running, print its name."),
    "spec": CommandEntry(place="spec:spec", summary="Print the file that describes a running chain, or its schema."),
    "ls": CommandEntry(place="ls:ls", summary="List the chains of this machine: live, stopped and broken."),
    "exec": CommandEntry(
        place="exec:exec_", summary="Run a command in a level: exec [NAME] [--level K] -- COMMAND.", trailing=True
    ),
    "shell": CommandEntry(place="exec:shell", summary="Open a shell in a level."),
    "logs": CommandEntry(place="logs:logs", summary="Print the logs of a chain, with level and program on each line."),
    "env": CommandEntry(place="env:env", summary="Print shell settings that make docker talk to a level."),
    "cp": CommandEntry(place="cp:cp", summary="Copy a file or directory into a level or out of it."),
    "tree": CommandEntry(place="tree:tree", summary="Show the levels of a chain and what runs in them."),
    "top": CommandEntry(
        place="top:top",
        summary="Show what the levels of a chain use and do: processors, memory, tasks, running containers.",
    ),
    "events": CommandEntry(
        place="events:events",
        summary="Print the events of a chain, from its beginning on: each phase of each level, and what failed.",
    ),
    "forward": CommandEntry(
        place="forward:forward",
        summary="Forward a port of this host to a container or to a port of a level: forward [NAME] 8080:web:80.",
    ),
    "load": CommandEntry(
        place="load:load",
        summary="Load images of level 0, or those of archives, into the engines of a running chain: load NAME IMAGE...",
    ),
    "grow": CommandEntry(
        place="grow:grow", summary="Add N levels below a chain's bottom: grow [NAME] [+N].", context_settings=_AMOUNT
    ),
    "shrink": CommandEntry(
        place="grow:shrink",
        summary="Unwind the N deepest levels of a chain: shrink [NAME] [N].",
        context_settings=_AMOUNT,
    ),
    "pause": CommandEntry(
        place="pause:pause",
        summary="Freeze all processes of chains; nothing is lost, and nothing answers until they are resumed.",
    ),
    "resume": CommandEntry(place="pause:resume", summary="Let paused chains go on."),
    "stop": CommandEntry(
        place="stop:stop", summary="Unwind chains, and keep their data: also over a restart of the machine."
    ),
    "start": CommandEntry(place="stop:start", summary="Start stopped chains again, with their data."),
    "down": CommandEntry(
        place="down:down",
        summary="Unwind chains, from the bottom up, and remove all of them, also those that are stopped.",
    ),
    "kick": CommandEntry(place="down:kick", summary="Kill chains at once, and remove all of them."),
    "prune": CommandEntry(place="prune:prune", summary="Remove what dead chains have left, after showing it."),
    "doctor": CommandEntry(place="doctor:doctor", summary="Check whether this host can nest engines."),
    "context": CommandEntry(place="context:app", summary="Make and remove a docker context for each level."),
    "help": CommandEntry(place="help:help_", summary="Show a page of the manual: a command, a topic or an error."),
    "image": CommandEntry(place="image:app", summary="Build and keep the image that every level runs from."),
}


class LazyCommands(MutableMapping[str, Any]):
    """The commands of `COMMANDS` by their names, each made when it is asked for: that takes typer some milliseconds."""

    def __init__(self, adapt: Any) -> None:  # noqa: ANN401 typer does not export the type of a command
        self._adapt = adapt
        """Called with each command once it is made."""
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 the same
        if name not in self._made:
            self._made[name] = _make(name, COMMANDS[name])
            self._adapt(self._made[name])
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:  # noqa: ANN401 the same
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _make(name: str, entry: CommandEntry) -> Any:  # noqa: ANN401 the same
    module, _, attribute = entry.place.partition(":")
    found = getattr(import_module(f"{_COMMANDS}.{module}"), attribute)
    app = found if isinstance(found, typer.Typer) else _app_of(found, entry)
    _resolve_annotations(app)
    command = get_command(app)
    command.name = name
    return command


def _app_of(function: Any, entry: CommandEntry) -> typer.Typer:  # noqa: ANN401 a function with any parameters
    from inception.cli.selection import CommandWithTrailing

    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    made_by = CommandWithTrailing if entry.trailing else TyperCommand
    app.command(cls=made_by, context_settings=entry.context_settings)(function)
    return app


def _resolve_annotations(app: typer.Typer) -> None:
    """Evaluate the annotations of all commands of `app`, once: typer would evaluate each of them several times."""
    for info in app.registered_commands:
        if info.callback is not None:
            info.callback.__annotations__ = get_type_hints(info.callback, include_extras=True)
