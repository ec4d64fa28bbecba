"""Settings of an engine: our own, those of files and those of command lines merged into one configuration of dockerd.

dockerd refuses a setting that is both in its file and on its command line. Our own are therefore written into a copy of
the file, and leave it again where the user's command line has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from inception.plan.engine.versions import has_network_options
from inception.plan.light_dataclasses import dataclass

Settings = Mapping[str, Any]
"""Content of a daemon.json: names of settings to their values, parsed JSON."""

USUAL_MTU = 1500
"""Bytes: MTU of a network where nobody sets one."""
_SOFT_OPEN_FILES = 1024
_HARD_OPEN_FILES = 524288
"""Open files of a container: the limits of an engine of today, 25 or later, which has them from its service."""
NEEDED_BY_LEVELS = frozenset(
    {
        "bip",
        "bridge",
        "config-file",
        "containerd",
        "containerd-namespace",
        "containerd-plugins-namespace",
        "data-root",
        "default-address-pools",
        "exec-root",
        "graph",
        "hosts",
        "live-restore",
        "pidfile",
        "storage-driver",
        "storage-opts",
        "userns-remap",
    }
)
"""Settings that the plan decides for a level: it would not start, or not be found, with others."""
NEEDED_BY_STANDALONE = frozenset({"config-file", "containerd", "exec-root", "pidfile"})
"""Settings that the standalone image decides."""
CONTAINER_LOGS: Settings = {"log-opts": {"max-size": "10m", "max-file": "3"}}
"""Limits of a container's log, which Docker lets grow without end; options of json-file, the usual driver."""
_FALSE = frozenset({"0", "f", "F", "false", "False", "FALSE"})
"""Values of a flag that are false (Go, strconv.ParseBool)."""
_JOINED = frozenset({"hosts", "insecure-registries", "labels", "registry-mirrors"})
"""Lists to which a file adds; any other replaces the list before it."""
_FLAGS = {
    "authorization-plugins": "authorization-plugin",
    "cdi-spec-dirs": "cdi-spec-dir",
    "default-address-pools": "default-address-pool",
    "default-network-opts": "default-network-opt",
    "default-ulimits": "default-ulimit",
    "dns-opts": "dns-opt",
    "exec-opts": "exec-opt",
    "hosts": "host",
    "insecure-registries": "insecure-registry",
    "labels": "label",
    "log-opts": "log-opt",
    "node-generic-resources": "node-generic-resource",
    "registry-mirrors": "registry-mirror",
    "runtimes": "add-runtime",
    "storage-opts": "storage-opt",
}
"""Settings whose flag has another name."""
_NAMES = {flag: name for name, flag in _FLAGS.items()}
_SHORT = {
    "-b": "bridge",
    "-D": "debug",
    "-g": "graph",
    "-G": "group",
    "-H": "hosts",
    "-l": "log-level",
    "-p": "pidfile",
    "-s": "storage-driver",
}


@dataclass(frozen=True, kw_only=True)
class SettingsFile:
    """A user's daemon.json: `text` is its content, `source` its name in messages."""

    source: str
    text: str

    def settings(self) -> Settings:
        """Return its settings; an empty file has none. Raises ValueError that names the file."""
        if not self.text.strip():
            return {}
        try:
            parsed = json.loads(self.text)
        except ValueError as error:
            raise ValueError(f"{self.source} is not JSON: {error}") from error
        if not isinstance(parsed, dict):
            raise ValueError(f"{self.source} is not a JSON object")  # noqa: TRY004 the text is wrong, not its type
        return parsed


@dataclass(frozen=True, kw_only=True)
class DockerdConfiguration:
    """Configuration of one dockerd: the content of its file, its other arguments, and lines that a user should know."""

    settings: str
    arguments: tuple[str, ...]
    notes: tuple[str, ...] = ()


_NOTHING = SettingsFile(source="nothing", text="")


def configure(
    own: Settings,
    *,
    needed: frozenset[str],
    files: Sequence[SettingsFile],
    fixed: SettingsFile = _NOTHING,
    arguments: Sequence[str] = (),
    engine_version: str,
) -> DockerdConfiguration:
    """Return the configuration that `own` settings, then the `files`, then the `arguments` make; the later ones win.

    A `needed` setting in a file is passed over, and noted; those in `fixed` go before those of the files. Raises
    ValueError for a file that is no JSON object.
    """
    given = {name for name, _ in named_settings(arguments)}
    merged: dict[str, Any] = dict(own)
    if "log-driver" in given.union(*(file.settings() for file in files)):
        # dockerd does not start with an option that its driver does not know.
        merged.pop("log-opts", None)
    notes: list[str] = []
    for file in files:
        settings = file.settings()
        notes += (
            f"{file.source} sets {name}, which is fixed here: this setting is ignored"
            for name in sorted(settings.keys() & needed)
        )
        merged = _merge(merged, {name: value for name, value in settings.items() if name not in needed})
    merged = _merge(merged, fixed.settings())
    merged, note = _with_network_mtu(merged, arguments, engine_version)
    moved = tuple(word for name in sorted(merged.keys() & given) for word in _as_flags(name, merged[name]))
    kept = {name: value for name, value in merged.items() if name not in given}
    return DockerdConfiguration(
        settings=json.dumps(kept, indent=2) + "\n",
        arguments=(*moved, *arguments),
        notes=tuple(notes) if note is None else (*notes, note),
    )


def open_files(hard_limit: int) -> Settings:
    """Return the settings that give containers the usual limits of open files, at most `hard_limit`."""
    hard = min(_HARD_OPEN_FILES, hard_limit)
    limits = {"Name": "nofile", "Hard": hard, "Soft": min(_SOFT_OPEN_FILES, hard)}
    return {"default-ulimits": {"nofile": limits}}


@dataclass(frozen=True, kw_only=True)
class PortSecurity:
    """Protection of a dockerd's ports: TLS or not, and with TLS whether each client must show a certificate."""

    encrypted: bool
    verifies_clients: bool


def port_security(files: Sequence[SettingsFile], arguments: Sequence[str]) -> PortSecurity:
    """Return what `files`, then `arguments` of a dockerd make of its ports. Raises ValueError as `configure` does."""
    chosen: dict[str, Any] = {}
    for file in files:
        chosen |= file.settings()
    chosen |= {name: value not in _FALSE for name, value in named_settings(arguments)}
    verifies = chosen.get("tlsverify")
    # dockerd turns TLS on where anybody sets `tlsverify`, be it to false.
    return PortSecurity(encrypted=verifies is not None or bool(chosen.get("tls")), verifies_clients=bool(verifies))


def named_settings(arguments: Iterable[str]) -> list[tuple[str, str | None]]:
    """Return the setting that each option among dockerd's `arguments` stands for, and its value if it has one there."""
    words = list(arguments)
    found = []
    for word, following in zip_longest(words, words[1:]):
        flag, assigned, value = word.partition("=")
        if flag.startswith("--"):
            name = flag.removeprefix("--")
            found.append((_NAMES.get(name, name), value if assigned else following))
        elif word[:2] in _SHORT:
            found.append((_SHORT[word[:2]], word[2:].removeprefix("=") or following))
    return found


def _merge(before: Settings, after: Settings) -> dict[str, Any]:
    merged = dict(before)
    for name, value in after.items():
        earlier = merged.get(name)
        if isinstance(earlier, dict) and isinstance(value, dict):
            merged[name] = _merge(earlier, value)
        elif isinstance(earlier, list) and isinstance(value, list) and name in _JOINED:
            merged[name] = [*earlier, *(it for it in value if it not in earlier)]
        else:
            merged[name] = value
    return merged


def _with_network_mtu(
    settings: dict[str, Any], arguments: Sequence[str], engine_version: str
) -> tuple[dict[str, Any], str | None]:
    """Return `settings` with the MTU of docker0 for all bridge networks, or a note that this engine cannot do that."""
    given = [value for name, value in named_settings(arguments) if name == "mtu"]
    mtu = str(given[-1] if given else settings.get("mtu", USUAL_MTU))
    if mtu == str(USUAL_MTU):
        return settings, None
    if not has_network_options(engine_version):
        return settings, (
            f"dockerd {engine_version} gives networks that users make an MTU of {USUAL_MTU}, not {mtu}: "
            f"docker network create --opt com.docker.network.driver.mtu={mtu}"
        )
    default = {"default-network-opts": {"bridge": {"com.docker.network.driver.mtu": mtu}}}
    return _merge(default, settings), None


def _as_flags(name: str, value: Any) -> list[str]:  # noqa: ANN401 parsed JSON
    """Return the flags for a list or a map that the user's flags add to; a single value is replaced by them."""
    flag = f"--{_FLAGS.get(name, name)}"
    if name == "default-ulimits":
        return [f"{flag}={it['Name']}={it['Soft']}:{it['Hard']}" for it in value.values()]
    if name == "default-network-opts":
        return [f"{flag}={driver}={key}={it}" for driver, options in value.items() for key, it in options.items()]
    if isinstance(value, dict):
        return [f"{flag}={key}={it}" for key, it in value.items()]
    if isinstance(value, list):
        return [f"{flag}={it}" for it in value if isinstance(it, str)]
    return []
