"""Read the environment variables of `--env` and `--env-file`, by the rules of the Docker CLI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from inception.errors import UsageError


def read_environment(settings: Iterable[str], files: Iterable[str], here: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of `settings` and `files`; a later one prevails, and a setting over a file.

    Each is NAME=VALUE, or NAME, which takes its value from `here` and is left out if it has none. Raises UsageError for
    one without a name, and for a file that cannot be read.
    """
    found: dict[str, str] = {}
    for setting, origin in (*_in_files(files), *((setting, "--env") for setting in settings)):
        name, equals, value = setting.partition("=")
        if not name or "\0" in setting:
            raise UsageError(f"{origin}: {setting!r} names no variable", remedy="write it NAME=VALUE, or NAME")
        if equals:
            found[name] = value
        elif name in here:
            found[name] = here[name]
    return found


def _in_files(files: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each setting in `files` and the place where it is. Empty lines and those that begin with # are none."""
    for file in files:
        for number, line in enumerate(_read(file).split("\n"), 1):
            setting = line.removesuffix("\r").lstrip()
            if not setting or setting.startswith("#"):
                continue
            name = setting.partition("=")[0]
            if name.split() not in ([name], []):
                raise UsageError(f"{file}:{number}: {name!r} has a space", remedy="write it NAME=VALUE, or NAME")
            yield setting, f"{file}:{number}"


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"--env-file {file}: {error.strerror}", remedy="correct the path") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--env-file {file} is not UTF-8", remedy="convert it, for instance with iconv") from error
