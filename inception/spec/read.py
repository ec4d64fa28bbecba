"""Read a spec file, and have its values take the place of options that are not on the command line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from inception.chain.forwarding.forward import Exposure, Forward, parse_forward
from inception.errors import UsageError
from inception.plan.engine.options import split_levels
from inception.plan.engine.preloads import names_file
from inception.plan.light_dataclasses import dataclass, replace
from inception.plan.tree import Place, Shape
from inception.spec.keys import option_keys, spec_type
from inception.spec.levels import LevelTable, Setting, WrongTable, level_settings, listed, place_levels
from inception.spec.options import chain_options, parameters_of, seconds
from inception.spec.places import KeyPath, line_of, path_in, show_path

_LEVEL = re.compile(r"(?:(?P<level>\d{1,6})=)?(?P<forward>.*)", re.DOTALL)
_DURATIONS = frozenset({"ttl", "soak", "time_limit"})
_FILES = {"daemon_json": ":", "mounts": "=", "ca": ""}
"""Parameters that name files, and what separates levels from the name."""
_LISTS = frozenset({"publish_engine", "tls_san", "forward", "expose_host"})
_TYPES = (
    ("Object contains unknown field `([^`]*)`.*", r"there is no key \1"),
    ("Expected `([^`]*)`, got `([^`]*)`.*", r"it is a \2, not a \1"),
    ("Expected `([^`]*)` ([<>]=) (-?[0-9]+).*", r"it is not a \1 \2 \3"),
    ("Invalid enum value '([^']*)'.*", r"\1 is no choice"),
)
"""Messages of msgspec, in plain words."""
_WORDS = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "array": "list"}


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A file that was read: what it sets, in order."""

    file: Path
    text: str
    settings: tuple[Setting, ...]
    places: tuple[Place, ...] = ()

    def places_of(self, depth: int) -> tuple[Place, ...]:
        """Return the places of a chain of `depth` levels, none without a name: siblings all have one."""
        if not any(it.label for it in self.places):
            return ()
        if not Shape([it.above for it in self.places]).is_line:
            return self.places
        more = (Place(above=number) for number in range(len(self.places), depth))
        return (*self.places[:depth], *more)

    def applied(self, arguments: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
        """Return `arguments` with the file's values, but for those parameters that were `given` otherwise."""
        return {name: value if name in given else self._value(name, value) for name, value in arguments.items()}

    def _value(self, parameter: str, default: Any) -> Any:  # noqa: ANN401 of any option
        values = [it.value for it in self.settings if it.parameter == parameter]
        if values and isinstance(values[0], list):
            return [each for value in values for each in value]
        return values[-1] if values else default

    def carried(self, shape: Shape) -> tuple[Forward | Exposure, ...]:
        """Return the forwards and exposures of a chain of that shape. Raises UsageError."""
        forwards: list[Forward | Exposure] = []
        for setting in self.settings:
            with _placing(self, setting.path):
                if setting.parameter == "forward":
                    forwards += [_forward(text, shape) for text in setting.value]
                elif setting.parameter == "expose_host":
                    forwards += [Exposure(port=port) for port in setting.value]
        return tuple(forwards)

    def placed(self, error: UsageError, attempt: Callable[[Mapping[str, Any]], object]) -> UsageError:
        """Return `error` with the key that is at fault: the one with which alone `attempt` fails in the same way."""
        for setting in self.settings:
            try:
                attempt({setting.parameter: setting.value})
            except UsageError as alone:
                if str(alone) == str(error):
                    return self.error(error, setting.path)
        return self.error(error, ())

    def error(self, error: UsageError, path: KeyPath) -> UsageError:
        """Return `error` with the place of `path` in the file."""
        line = line_of(self.text, path)
        start = f"{self.file}{'' if line is None else f':{line}'}"
        key = f" {show_path(path)}:" if path else ""
        return UsageError(f"{start}:{key} {error.message}", remedy=error.remedy)


class _placing:  # noqa: N801 a context manager, used as a function is
    """Add the place of `path` in `spec` to a UsageError raised inside."""

    def __init__(self, spec: Spec, path: KeyPath) -> None:
        self._spec = spec
        self._path = path

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Raise the error with its place. Raises UsageError."""
        if isinstance(error, UsageError):
            raise self._spec.error(error, self._path) from error


def read_spec(name: str) -> Spec:
    """Return the content of the file `name`. Raises UsageError with the line and the key that are wrong."""
    file = Path(name)
    try:
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}", remedy="name a file that is there") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{name} is not TOML: {error}", remedy="see: inception spec --schema") from error
    spec = Spec(file=file, text=text, settings=())
    _check_types(spec, content)
    tables = _tables(spec, content)
    places = tuple(place for table in tables for place in table.places())
    return replace(spec, settings=tuple(_checked(spec, content, tables)), places=places)


def _tables(spec: Spec, content: Mapping[str, Any]) -> tuple[LevelTable, ...]:
    try:
        return place_levels(content.get("levels", ()))
    except WrongTable as error:
        raise spec.error(UsageError(str(error), remedy=error.remedy), error.path) from error


def _check_types(spec: Spec, content: dict[str, Any]) -> None:
    try:
        msgspec.convert(content, spec_type())
    except msgspec.ValidationError as error:
        message = str(error)
        path = path_in(message)
        if unknown := re.search(r"unknown field `([^`]*)`", message):
            path = (*path, unknown[1])
        for pattern, plain in _TYPES:
            message = re.sub(pattern, plain, message)
        words = re.sub(r"\b(str|int|float|bool|array)\b", lambda it: _WORDS[it[0]], message).replace(" | ", " or ")
        raise spec.error(UsageError(words, remedy="see: inception spec --schema"), path) from error


def _checked(spec: Spec, content: Mapping[str, Any], tables: tuple[LevelTable, ...]) -> Iterator[Setting]:
    """Yield what `content` sets, its durations checked, its files relative to the file's directory."""
    for setting in _settings(content, tables):
        with _placing(spec, setting.path):
            if setting.parameter in _DURATIONS:
                seconds(setting.value)
            files = _FILES.get(setting.parameter)
            if setting.parameter == "preload":
                # Those that are no files are images of level 0.
                values = [_relative(it, "", spec.file.parent) if names_file(it) else it for it in setting.value]
                yield replace(setting, value=values)
            elif files is None:
                yield setting
            else:
                values = [_relative(it, files, spec.file.parent) for it in setting.value]
                yield replace(setting, value=values)


def _settings(content: Mapping[str, Any], tables: tuple[LevelTable, ...]) -> Iterator[Setting]:
    if tables and "depth" not in content:
        yield Setting(parameter="depth", value=tables[-1].last, path=("levels",))
    several = {it.name for it in parameters_of(chain_options) if _is_list(it.annotation)} | _LISTS
    for key, value in content.items():
        if key in {"levels", "campaign"}:
            continue
        parameter = option_keys().get(key, key.replace("-", "_"))
        is_list = parameter in several and parameter != "expose_host"
        yield Setting(parameter=parameter, value=listed(value) if is_list else value, path=(key,))
    yield from level_settings(tables)
    for key, value in content.get("campaign", {}).items():
        yield Setting(parameter=key.replace("-", "_"), value=value, path=("campaign", key))


def _is_list(annotation: Any) -> bool:  # noqa: ANN401 a type expression
    return "list[" in str(annotation)


def _relative(option: str, separator: str, directory: Path) -> str:
    """Return `option`, whose file is relative to `directory`, with a path that holds in any working directory."""
    name = split_levels(option, separator)[1] if separator else option
    if name.startswith(("{", "-----BEGIN", "/")):
        return option
    return f"{option[: len(option) - len(name)]}{directory.absolute() / name}"


def _forward(text: str, shape: Shape) -> Forward:
    match = _LEVEL.fullmatch(text)
    named, forward = (None, text) if match is None else (match["level"], match["forward"])
    if named is None and not shape.is_line:
        raise UsageError(f"cannot forward to the bottom of a tree: {text}", remedy="name a level, like 2=8080:80")
    level = shape.count if named is None else int(named)
    if not 1 <= level <= shape.count:
        remedy = f"its levels are 1 to {shape.count}"
        raise UsageError(f"cannot forward to level {level}: the chain has none", remedy=remedy)
    return parse_forward(forward, level)
