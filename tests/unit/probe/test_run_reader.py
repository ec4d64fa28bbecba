"""The files that the reader's container gets suffice for the reader."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

from inception.payload import payload_archive
from inception.probe.run_reader import PARTS


def test_the_reader_imports_nothing_that_its_container_lacks(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(payload_archive("payload", PARTS))) as archive:
        archive.extractall(tmp_path, filter="data")
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'payload')!r}); import inception.probe.reader as it"
    # Isolated and without site packages: only the payload and the standard library are there.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"{code}; print(it.__file__)"], capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.stdout.strip()) == ("", str(tmp_path / "payload/inception/probe/reader.py"))
