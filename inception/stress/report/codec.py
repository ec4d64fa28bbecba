"""JSON of the report's types, and the JSON schema that they make."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

from inception.plan.light_dataclasses import dataclass

T = TypeVar("T")


def to_json(value: object) -> str:
    """Return `value`, a dataclass, as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode() + "\n"


def from_json(kind: type[T], text: str) -> T:
    """Return the `kind` that `text` holds; fields that `kind` does not have are ignored. Raises ValueError."""
    try:
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            # The standard library's parser also reads the `Infinity` that reports of earlier versions can hold.
            return msgspec.convert(json.loads(text), kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from error


def from_versioned_json(kind: type[T], text: str, what: str, version: int) -> T:
    """Return the `kind` that `text` holds, as `from_json` does. Raises ValueError, which names another version."""
    try:
        return from_json(kind, text)
    except ValueError:
        # Looked at last: reading a large report twice takes twice as long.
        written = from_json(_Version, text).version
        if written != version:
            raise ValueError(f"{what} version {written}, not {version}") from None
        raise


@dataclass(frozen=True, kw_only=True)
class _Version:
    version: int


def json_schema(kind: type) -> dict[str, Any]:
    """Return the JSON schema of `kind`, by draft 2020-12."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(kind)}
