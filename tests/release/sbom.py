"""Write the bill of materials of the level image, CycloneDX JSON: each Debian package with its version and licences.

The image itself keeps neither dpkg's records nor the copyright files: they are read in a root that mmdebstrap makes of
the same packages, and does not keep. Usage: `python -m tests.release.sbom FILE`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from inception.image.recipe import find_recipe, package_names

_LICENCE = re.compile(r"^License:[ \t]*(\S.*)$", re.MULTILINE)
_STATUS, _COPYRIGHTS = "status", "copyrights.tar"


def main(file: str) -> int:
    """Write the bill to `file` and return 0. Raises CalledProcessError if the packages cannot be had."""
    with tempfile.TemporaryDirectory(prefix="sbom-") as directory:
        place = Path(directory)
        _read_root(place)
        bill = bill_of((place / _STATUS).read_text(encoding="utf-8"), dict(_copyrights(place / _COPYRIGHTS)))
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(JsonV1Dot6(bill).output_as_string(indent=1) + "\n", encoding="utf-8")
    unknown = [it.name for it in bill.components if not it.licenses]
    print(f"{file}: {len(bill.components)} packages, {len(unknown)} without a machine-readable licence")
    return 0


def _read_root(place: Path) -> None:
    """Write dpkg's records and the copyright files of the recipe's packages into `place`."""
    recipe = find_recipe()
    # In namespaces of its own: ended by a signal, it would leave the host's /proc and /dev mounted there.
    confined = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--")
    hooks = (
        f'cp "$1/var/lib/dpkg/status" {place / _STATUS}',
        f'cd "$1/usr/share/doc" && tar -cf {place / _COPYRIGHTS} --dereference */copyright',
    )
    command = (
        *("mmdebstrap", "--variant=essential", "--format=null", '--aptopt=APT::Install-Recommends "false"'),
        f"--include={','.join(package_names(recipe.directory))}",
        *(f"--customize-hook={hook}" for hook in hooks),
        *(recipe.suite, "/dev/null"),
    )
    subprocess.run((*confined, *command), check=True)


def _copyrights(archive: Path) -> Iterator[tuple[str, str]]:
    with tarfile.open(archive) as files:
        for member in files:
            if (content := files.extractfile(member)) is not None:
                yield member.name.partition("/")[0], content.read().decode(errors="replace")


def bill_of(status: str, copyrights: dict[str, str]) -> Bom:
    """Return the bill for dpkg's `status` file and the text of each package's copyright file."""
    bill = Bom()
    for record in status.split("\n\n"):
        fields = HeaderParser().parsestr(record.strip())
        name, version, architecture = (fields.get(key, "") for key in ("Package", "Version", "Architecture"))
        if not name or "installed" not in fields.get("Status", "").split():
            continue
        url = PackageURL("deb", "debian", name, version, {"arch": architecture})
        names = sorted({it.strip() for it in _LICENCE.findall(copyrights.get(name, ""))})
        bill.components.add(
            Component(
                type=ComponentType.LIBRARY,
                name=name,
                version=version,
                bom_ref=url.to_string(),
                purl=url,
                licenses=[LicenseFactory().make_with_name(it) for it in names],
            )
        )
    return bill


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
