"""The same campaign on each pair of several engines: one at level 1, one in all levels below it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from inception.errors import InceptionError, Interrupted, UsageError
from inception.plan.engine.options import LevelImage, LevelRange
from inception.plan.light_dataclasses import dataclass, replace
from inception.plan.request import ImageStore, LevelStore, Request
from inception.stress.campaign import Campaign
from inception.stress.report.matrix import MATRIX_VERSION, EngineRecord, Matrix, PairRecord, pair_record
from inception.stress.run import CampaignRun

_LEAST_DEPTH = 2
_LIKE = "write it like TAG,TAG=containerd,TAG"


@dataclass(frozen=True, kw_only=True)
class MatrixEngine:
    """An engine of the table: the one of a level image, with an image store."""

    image: str
    store: ImageStore = ImageStore.AUTO

    def __str__(self) -> str:
        """Return the engine as a user gives it: TAG or TAG=STORE."""
        return self.image if self.store is ImageStore.AUTO else f"{self.image}={self.store}"


@dataclass(frozen=True, kw_only=True)
class MatrixRun:
    """The table of all pairs that were tried, and the signal that ended it early, if any."""

    matrix: Matrix
    interruption: Interrupted | None = None


def parse_matrix(text: str) -> tuple[MatrixEngine, ...]:
    """Return the engines in `TAG[=STORE],...`. Raises UsageError."""
    engines = tuple(map(_parse_engine, text.split(",")))
    for engine in engines:
        if engines.count(engine) > 1:
            raise UsageError(f"--matrix names {engine} twice", remedy="name each engine once: it is paired with itself")
    return engines


def _parse_engine(text: str) -> MatrixEngine:
    image, assigned, store = text.strip().partition("=")
    if not image:
        raise UsageError(f"--matrix names no image in {text!r}", remedy=_LIKE)
    if assigned and store not in set(ImageStore):
        raise UsageError(
            f"{store!r} in --matrix is no image store", remedy=f"they are {', '.join(ImageStore)}; {_LIKE}"
        )
    return MatrixEngine(image=image, store=ImageStore(store) if assigned else ImageStore.AUTO)


def check_matrix(campaign: Campaign, *, default_image: str) -> None:
    """Raise UsageError if the request of `campaign` has what a table decides, or too few levels for a pair."""
    request = campaign.request
    if request.depth < _LEAST_DEPTH:
        raise UsageError("a pair of engines takes two levels", remedy="give --max-depth 2 or more")
    for option, given in (
        ("--image", request.image != default_image),
        ("--level-image", bool(request.level_images)),
        ("--image-store", bool(request.image_store)),
    ):
        if given:
            raise UsageError(f"--matrix chooses the engines, and {option} too", remedy="give one of them")


def request_of_pair(request: Request, outer: MatrixEngine, inner: MatrixEngine) -> Request:
    """Return `request` with `outer` at level 1 and `inner` in the levels below."""
    first, rest = LevelRange(first=1, last=1), LevelRange(first=2)
    return replace(
        request,
        image=inner.image,
        level_images=(LevelImage(levels=first, image=outer.image),),
        image_store=(LevelStore(levels=first, store=outer.store), LevelStore(levels=rest, store=inner.store)),
    )


def run_matrix(
    campaign: Campaign,
    engines: Sequence[MatrixEngine],
    versions: Mapping[str, str],
    *,
    run: Callable[[Campaign, str], CampaignRun],
    command: tuple[str, ...],
    on_message: Callable[[str], None],
) -> MatrixRun:
    """Run `campaign` on each pair of `engines`; a pair that fails is a result, and the next one is tried.

    `run` carries out a pair's campaign, which has a name of its own. `versions` has Docker's version in each image, as
    far as known. Raises UsageError.
    """
    begun, begun_s = time.time(), time.monotonic()
    pairs: list[PairRecord] = []
    interruption = None
    for number, (outer, inner) in enumerate(numbers := list(_numbers(engines)), 1):
        one, other = engines[outer - 1], engines[inner - 1]
        on_message(f"pair {number} of {len(numbers)}: {one} outside, {other} inside")
        try:
            done = run(replace(campaign, request=request_of_pair(campaign.request, one, other)), f"{outer}-{inner}")
            done.raise_interruption()
        except UsageError:
            raise
        except InceptionError as error:
            pairs.append(PairRecord(outer=outer, inner=inner, depth=0, cause=error.message))
        except Interrupted as signal:
            interruption = signal
            break
        else:
            pairs.append(pair_record(outer, inner, done.report))
    matrix = Matrix(
        version=MATRIX_VERSION,
        begun=begun,
        seconds=time.monotonic() - begun_s,
        command=command,
        engines=tuple(_record(engine, versions) for engine in engines),
        pairs=tuple(pairs),
    )
    return MatrixRun(matrix=matrix, interruption=interruption)


def _record(engine: MatrixEngine, versions: Mapping[str, str]) -> EngineRecord:
    version = versions.get(engine.image, "")
    return EngineRecord(image=engine.image, image_store=engine.store.value, engine_version=version)


def _numbers(engines: Sequence[MatrixEngine]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of numbers from 1, the outer engine's first."""
    numbers = range(1, len(engines) + 1)
    yield from ((outer, inner) for outer in numbers for inner in numbers)
