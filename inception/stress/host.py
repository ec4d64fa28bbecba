"""Reads the host's memory, disk, files and processes before and after a cycle."""

from __future__ import annotations

from pathlib import Path

from inception.stress.evidence import PROC, read_space
from inception.stress.report.record import HostReading

_KIB = 1024
_KERNEL_MEMORY = ("Slab", "KernelStack", "PageTables", "Percpu")


def read_host(data_root: Path, *, in_container: bool) -> HostReading:
    """Read this host now; `data_root` is that of the level-0 engine. `in_container`: its processes are not seen."""
    memory = _meminfo()
    space = read_space(data_root)
    return HostReading(
        memory_available=memory.get("MemAvailable"),
        kernel_memory=sum(memory[name] for name in _KERNEL_MEMORY if name in memory) or None,
        disk_free=space.free if space else None,
        inodes_free=space.inodes_free if space else None,
        open_files=int((PROC / "sys/fs/file-nr").read_text().split()[0]),
        processes=None if in_container else sum(entry.name.isdecimal() for entry in PROC.iterdir()),
    )


def memory_total() -> int:
    """Return the memory of this machine in bytes."""
    return _meminfo()["MemTotal"]


def _meminfo() -> dict[str, int]:
    lines = (line.split() for line in (PROC / "meminfo").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * _KIB for words in lines}
