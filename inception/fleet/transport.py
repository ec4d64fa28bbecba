"""Carries a report in lines of a log, the one thing that a scheduler brings back from every machine."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator

_MARK = "inception-report"
_WIDTH = 8000
"""Characters of a report in a line: engines cut lines of logs at 16 kB."""
_MAX_BYTES = 256 << 20
"""Longest report that is unpacked: a machine of the fleet need not be trusted."""
_LINE = re.compile(rf"{_MARK} (?P<number>\d+)/(?P<count>\d+) (?P<digest>[0-9a-f]{{64}}) (?P<piece>[A-Za-z0-9+/=]+)")


def to_lines(text: str) -> Iterator[str]:
    """Yield the lines that carry `text`, each with its number and the digest of the whole."""
    data = text.encode()
    packed = base64.b64encode(zlib.compress(data, 9)).decode()
    pieces = [packed[begin : begin + _WIDTH] for begin in range(0, len(packed), _WIDTH)]
    digest = hashlib.sha256(data).hexdigest()
    for number, piece in enumerate(pieces, start=1):
        yield f"{_MARK} {number}/{len(pieces)} {digest} {piece}"


def is_carrier(line: str) -> bool:
    """Return whether `line` carries a part of a report."""
    return line.startswith(_MARK)


def from_lines(lines: Iterable[str]) -> str | None:
    """Return the text that `lines` carry among others, None if a part is missing. Raises ValueError."""
    found = [it for it in map(_LINE.fullmatch, lines) if it]
    pieces = {int(it["number"]): it["piece"] for it in found}
    if not found or set(pieces) != set(range(1, int(found[0]["count"]) + 1)):
        return None
    unpacking = zlib.decompressobj()
    try:
        packed = base64.b64decode("".join(pieces[number] for number in sorted(pieces)), validate=True)
        data = unpacking.decompress(packed, _MAX_BYTES)
        text = data.decode()
    except (ValueError, zlib.error) as error:
        raise ValueError("its report arrived damaged") from error
    if unpacking.unconsumed_tail:
        raise ValueError(f"its report is longer than {_MAX_BYTES >> 20} MiB")
    if any(it["digest"] != hashlib.sha256(data).hexdigest() for it in found):
        raise ValueError("its report arrived damaged")
    return text
