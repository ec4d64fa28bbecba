"""Environment variables of options: `--depth` is also INCEPTION_DEPTH, whatever the command."""

from __future__ import annotations

import os
from typing import Any

from inception.plan.protocol import Variable

_PREFIX = "INCEPTION_"
_WITHOUT = frozenset({"--help", "--version", "--install-completion", "--show-completion"})
"""Options that do something else in place of the command."""


def variable_of(option: Any) -> str | None:  # noqa: ANN401 typer does not export the type of a parameter
    """Return the name of the variable of `option`, by its first long name; None for arguments and for --help."""
    long = next((name for name in option.opts if name.startswith("--")), None)
    return None if long is None or long in _WITHOUT else _PREFIX + long[2:].upper().replace("-", "_")


def give_variables(command: Any) -> None:  # noqa: ANN401 the same
    """Have each option of `command` take its variable where the command line does not give it.

    Within a level the variables that say where one is (`protocol.Variable`) set no option: its processes have them all.
    """
    of_levels = frozenset(Variable) if Variable.PLAN in os.environ else frozenset()
    for parameter in command.params:
        variable = variable_of(parameter)
        if variable is not None and variable not in of_levels:
            others = [parameter.envvar] if isinstance(parameter.envvar, str) else parameter.envvar or []
            parameter.envvar = [variable, *others]
            parameter.show_envvar = False


def variable_that_gave(context: Any, parameter: Any) -> str | None:  # noqa: ANN401 the same
    """Return the name of the variable that `parameter` has its value from, None if it has it from elsewhere."""
    source = context.get_parameter_source(parameter.name)
    if source is None or source.name != "ENVIRONMENT":
        return None
    return next((name for name in parameter.envvar if os.environ.get(name)), None)


def variables_in_use(context: Any) -> list[str]:  # noqa: ANN401 the same
    """Return NAME=VALUE of each variable that an option of the command in `context` has its value from."""
    names = (variable_that_gave(context, it) for it in context.command.params if variable_of(it) is not None)
    return [f"{name}={os.environ[name]}" for name in names if name is not None]
