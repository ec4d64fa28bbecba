"""Give position-independent programs a fixed address, in place: `python3 fix_addresses.py PROGRAM...`.

dockerd holds 340,000 pointers into itself, in 31 MB. Where it is position-independent the loader computes them at each
start, and each process has those pages for itself. At a fixed address they stand in the file, and all levels share its
pages. Debian's containerd and runc are linked that way.

Structures and numbers are those of elf(5) and glibc's elf.h. A program that has anything else than what is known here
is left as it is.
"""

import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ADDRESS = 0x400000
"""Address that a program is moved to, from 0: where linkers put programs that have a fixed one."""
_EXECUTABLE, _POSITION_INDEPENDENT = 2, 3
_RELATIVE = {62: 8, 183: 1027}
"""Type of a relocation that adds the program's address, by machine: x86-64, AArch64."""
_INDIRECT = {62: 37, 183: 1032}
"""Type of a relocation that calls a function for its value."""
_LOAD, _DYNAMIC = 1, 2
_SYMBOL_TABLES = (2, 11)
_THREAD_LOCAL = 6
_UNDEFINED, _FIRST_RESERVED = 0, 0xFF00
_RELA, _RELASZ, _RELACOUNT, _JMPREL, _PLTRELSZ, _PLTGOT, _FLAGS_1 = 7, 8, 0x6FFFFFF9, 23, 2, 3, 0x6FFFFFFB
_UNKNOWN_TAGS = (17, 36)
"""REL and RELR: tables of relocations in other forms."""
_ADDRESS_TAGS = (3, 4, 5, 6, 7, 12, 13, 23, 25, 26, 32, 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFE)
_PIE_FLAG = 0x08000000
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_DYNAMIC_ENTRY = struct.Struct("<QQ")
_RELOCATION = struct.Struct("<QQq")
_WORD = struct.Struct("<Q")
_MAGIC = b"\x7fELF\x02\x01"
"""64 bits, little-endian."""


class UnknownProgram(Exception):
    """The program has something that is not known here."""


class Program:
    """A position-independent program, whose bytes are changed in place."""

    def __init__(self, content: bytearray) -> None:
        self.content = content
        if content[: len(_MAGIC)] != _MAGIC:
            raise UnknownProgram("no 64-bit ELF file")
        self._header = list(_HEADER.unpack_from(content))
        kind, self.machine = self._header[1:3]
        if kind != _POSITION_INDEPENDENT or self.machine not in _RELATIVE:
            raise UnknownProgram("no position-independent program of a machine that is known")
        self._segments = list(self._table(_SEGMENT, self._header[5], self._header[10]))
        self._sections = list(self._table(_SECTION, self._header[6], self._header[12]))
        self._loaded = [(vaddr, vaddr + size, offset) for kind, _, offset, vaddr, _, size, *_ in self._values(_LOAD)]
        if not self._loaded or self._loaded[0][0] != 0 or any(it[7] > ADDRESS for it in self._values(_LOAD)):
            raise UnknownProgram("not linked to be loaded at 0")
        dynamic = [(it[2], it[5]) for it in self._values(_DYNAMIC)]
        if len(dynamic) != 1 or not self._sections:
            raise UnknownProgram("without a dynamic segment or sections")
        place, size = dynamic[0]
        self._dynamic = {
            tag: (offset, value)
            for offset, (tag, value) in self._table(_DYNAMIC_ENTRY, place, size // _DYNAMIC_ENTRY.size)
            if tag
        }
        if any(tag in self._dynamic for tag in _UNKNOWN_TAGS) or not {_RELA, _RELASZ, _RELACOUNT} <= set(self._dynamic):
            raise UnknownProgram("relocations in another form")

    def _table(self, form: struct.Struct, place: int, count: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        for offset in range(place, place + count * form.size, form.size):
            yield offset, form.unpack_from(self.content, offset)

    def _values(self, kind: int) -> list[tuple[int, ...]]:
        return [segment for _, segment in self._segments if segment[0] == kind]

    def _offset(self, address: int) -> int:
        for begin, end, offset in self._loaded:
            if begin <= address <= end - _WORD.size:
                return address - begin + offset
        raise UnknownProgram(f"nothing is loaded at {address:#x}")

    def _value(self, tag: int) -> int:
        return self._dynamic[tag][1] if tag in self._dynamic else 0

    def _set_dynamic(self, tag: int, value: int) -> None:
        _DYNAMIC_ENTRY.pack_into(self.content, self._dynamic[tag][0], tag, value)

    def _move_word(self, address: int) -> None:
        offset = self._offset(address)
        (value,) = _WORD.unpack_from(self.content, offset)
        if value:
            _WORD.pack_into(self.content, offset, value + ADDRESS)

    def fix_address(self) -> None:
        """Move the program to ADDRESS. Raises UnknownProgram."""
        self._resolve_relocations()
        self._move_symbols()
        self._move_dynamic()
        for offset, (kind, flags, place, virtual, physical, *sizes) in self._segments:
            moved = (virtual + ADDRESS, physical + ADDRESS) if virtual or kind == _LOAD else (virtual, physical)
            _SEGMENT.pack_into(self.content, offset, kind, flags, place, *moved, *sizes)
        resolved = self._value(_RELACOUNT) * _RELOCATION.size
        for offset, (name, kind, flags, address, place, size, *rest) in self._sections:
            gone = resolved if address == self._value(_RELA) else 0
            there = address + ADDRESS + gone if address else 0
            _SECTION.pack_into(self.content, offset, name, kind, flags, there, place + gone, size - gone, *rest)
        self._header[1] = _EXECUTABLE
        self._header[4] += ADDRESS
        _HEADER.pack_into(self.content, 0, *self._header)

    def _resolve_relocations(self) -> None:
        """Write the pointers that the loader would compute, and move the places of the other relocations."""
        relative, indirect = _RELATIVE[self.machine], _INDIRECT[self.machine]
        begin, count = self._offset(self._value(_RELA)), self._value(_RELACOUNT)
        for _, (address, info, addend) in self._table(_RELOCATION, begin, count):
            if info != relative:
                raise UnknownProgram("relocations in another order")
            _WORD.pack_into(self.content, self._offset(address), addend + ADDRESS)
        others = self._value(_RELASZ) // _RELOCATION.size - count
        slots = self._value(_PLTRELSZ) // _RELOCATION.size
        rest = list(self._table(_RELOCATION, begin + count * _RELOCATION.size, others))
        for offset, (address, info, addend) in self._table(
            _RELOCATION, self._offset(self._value(_JMPREL)) if slots else 0, slots
        ):
            self._move_word(address)  # Where a function is looked up at its first call.
            rest.append((offset, (address, info, addend)))
        for offset, (address, info, addend) in rest:
            if info & 0xFFFFFFFF in {relative, indirect}:
                raise UnknownProgram("relocations in another order")
            _RELOCATION.pack_into(self.content, offset, address + ADDRESS, info, addend)

    def _move_symbols(self) -> None:
        for _, section in self._sections:
            kind, place, size = section[1], section[4], section[5]
            if kind not in _SYMBOL_TABLES:
                continue
            for offset, (name, info, other, index, value, length) in self._table(_SYMBOL, place, size // _SYMBOL.size):
                if info & 0xF != _THREAD_LOCAL and _UNDEFINED < index < _FIRST_RESERVED:
                    _SYMBOL.pack_into(self.content, offset, name, info, other, index, value + ADDRESS, length)

    def _move_dynamic(self) -> None:
        if table := self._value(_PLTGOT):
            self._move_word(table)  # The address of the dynamic segment.
        count = self._value(_RELACOUNT) * _RELOCATION.size
        for tag, (_, value) in self._dynamic.items():
            if tag in _ADDRESS_TAGS:
                self._set_dynamic(tag, value + ADDRESS)
        self._set_dynamic(_RELA, self._value(_RELA) + count + ADDRESS)
        self._set_dynamic(_RELASZ, self._value(_RELASZ) - count)
        self._set_dynamic(_RELACOUNT, 0)
        if _FLAGS_1 in self._dynamic:
            self._set_dynamic(_FLAGS_1, self._value(_FLAGS_1) & ~_PIE_FLAG)


def answer(path: str) -> tuple[int, bytes]:
    """Return the status and the output of a program that is asked for its version."""
    null = subprocess.DEVNULL
    asked = subprocess.run([path, "--version"], stdin=null, stdout=subprocess.PIPE, stderr=null, check=False)
    return asked.returncode, asked.stdout


def fix_program(path: str) -> bool:
    """Replace the program `path` by itself at a fixed address, if it then answers as before; return whether it does."""
    program, fixed = Path(path), Path(f"{path}.fixed")
    content = bytearray(program.read_bytes())
    try:
        Program(content).fix_address()
    except (UnknownProgram, struct.error):
        return False
    try:
        fixed.write_bytes(content)
        shutil.copystat(program, fixed)
        if answer(str(fixed)) != answer(path):
            return False
        fixed.replace(program)
    finally:
        fixed.unlink(missing_ok=True)
    return True


if __name__ == "__main__":
    for given in sys.argv[1:]:
        fix_program(str(Path(given).resolve()))
