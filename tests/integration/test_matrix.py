"""Campaigns on pairs of engines: those of one image, with each image store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from inception.chain.prepare import prepare
from inception.engine.connect import Engine
from inception.plan.request import Request, parse_level_store
from inception.stress.report.files import read_report
from tests.integration.conftest import RunInception

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("unchanged_host")]

LIMIT_S = 280


@pytest.fixture(scope="module")
def by_containerd(engine: Engine, level_image: str) -> Iterator[str]:
    """Give the level image with containerd's store; its seed is made before the host is looked at."""
    before = {it["Name"] for it in engine.client.volumes()["Volumes"] or ()}
    store = (parse_level_store("containerd"),)
    plan = prepare(engine, Request(depth=1, name="warm-up", image=level_image, image_store=store), print)
    yield f"{level_image}=containerd"
    for volume in {it.volume for it in plan.seeds} - before:
        engine.client.remove_volume(volume)


@pytest.mark.timeout(2 * LIMIT_S)
def test_each_engine_works_in_each_and_the_table_is_kept(
    run_inception: RunInception, level_image: str, by_containerd: str, tmp_path: Path
) -> None:
    engines = f"{level_image},{by_containerd}"
    options = ("--max-depth", "2", "--no-measure", "--fail-under", "2", "--fail-on-leak", "--output", str(tmp_path))
    done = run_inception("stress", "--matrix", engines, *options, "--json", timeout_s=LIMIT_S)
    assert done.returncode == 0, done.stderr.decode()
    matrix = json.loads(done.stdout)
    assert matrix == json.loads((tmp_path / "matrix.json").read_text())
    assert [it["image_store"] for it in matrix["engines"]] == ["auto", "containerd"]
    assert all(it["engine_version"] for it in matrix["engines"])
    pairs = {(it["outer"], it["inner"]): it for it in matrix["pairs"]}
    assert list(pairs) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    for (outer, inner), pair in pairs.items():
        assert (pair["depth"], pair["cause"], pair["leaks"]) == (2, "", 0)
        assert pair["level_s"] > 0
        # The store that each engine was found to have.
        stores = [it.image_store for it in read_report(tmp_path / f"{outer}-{inner}").environment.level_engines]
        named = {1: "overlay2", 2: "containerd"}
        assert stores == list(dict.fromkeys((named[outer], named[inner])))


def test_engines_that_cannot_be_tried_are_refused_before_anything_starts(
    run_inception: RunInception, level_image: str, tmp_path: Path
) -> None:
    for arguments, said in (
        (("--matrix", f"{level_image}=zfs"), b"'zfs' in --matrix is no image store"),
        (("--matrix", f"{level_image},none:none"), b"image none:none is not on this engine"),
        (("--matrix", level_image, "--image-store", "overlay2"), b"--matrix chooses the engines, and --image-store"),
        (("--matrix", level_image, "--trace", str(tmp_path / "trace")), b"--trace is of one campaign"),
        (("--matrix", level_image, "-d", "1"), b"a pair of engines takes two levels"),
    ):
        refused = run_inception("stress", *arguments)
        assert refused.returncode in {2, 125}
        (line,) = [it for it in refused.stderr.splitlines() if b"error:" in it]
        assert said in line
