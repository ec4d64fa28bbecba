"""Test that no command follows, awaits or obeys files that a hostile level wrote into the run directory."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from inception.callbacks import ignore
from inception.chain import freezer, teardown
from inception.chain.endpoint_proof import prove_endpoint
from inception.chain.level_engines import level_0_engine
from inception.chain.plan_file import save_plan
from inception.chain.publishing.publish import published
from inception.chain.resize import shrink
from inception.chain.run_directory import make_level_directory
from inception.chain.session import control_socket
from inception.chain.session.control_socket import ControlSocket
from inception.chain.status import ChainState, find_chain, list_chains
from inception.chain.watching.event_follower import follow
from inception.cli.commands.logs import LogTail
from inception.engine.connect import EngineChoice
from inception.errors import ChainError, EngineError
from inception.level.event_log import EventLog, tail
from inception.linux import flock, lifeline
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from tests.factories.plans import FACTS, plan

pytestmark = pytest.mark.timeout(20)
EVENT = Event(time_s=1.0, monotonic_s=1.0, level=1, phase=Phase.CREATE, state=State.BEGIN)


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ChainPlan:
    monkeypatch.setenv("INCEPTION_RUN_ROOT", str(tmp_path / "run"))
    made = plan(2, replace(FACTS, run_root=str(tmp_path / "run")), attached=False)
    for number in range(3):
        Path(made.paths.level(number)).mkdir(parents=True)
    save_plan(made)
    return made


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """Give a directory of the user that must stay as it is."""
    directory = tmp_path / "home" / "dream"
    directory.mkdir(parents=True)
    file = directory / "file"
    file.write_text("mine")
    file.chmod(0o644)
    yield directory
    assert list(directory.iterdir()) == [file]
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("mine", 0o644)


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(1 << 40)


def directory(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def link_to_itself(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path)


def link_to_a_device(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


ODD = pytest.mark.parametrize("odd", [pipe, endless, directory, link_to_itself, link_to_a_device])
Odd = Callable[[Path], None]


@ODD
def test_a_plan_that_is_no_file_hides_no_other_chain(chain: ChainPlan, odd: Odd) -> None:
    odd(Path(chain.paths.plan))
    other = replace(chain, name="other", run_directory=str(Path(chain.run_directory).parent / "other"))
    Path(other.run_directory).mkdir()
    save_plan(other)
    assert [it.name for it in list_chains()] == ["other"]


@ODD
def test_events_and_locks_that_are_no_files_are_read_without_waiting(chain: ChainPlan, odd: Odd) -> None:
    for path in (chain.paths.events, chain.paths.alive(1), chain.paths.lifeline(1), chain.paths.lifeline(0)):
        odd(Path(path))
    assert find_chain(chain.name).state is ChainState.BROKEN


@ODD
def test_logs_that_are_no_files_are_read_without_waiting(chain: ChainPlan, odd: Odd) -> None:
    log = Path(chain.paths.log(1, "dockerd"))
    odd(log)
    assert len("".join(LogTail("1 dockerd", log).lines())) <= 2 << 20
    assert len("".join(tail(log))) <= 1 << 20


@pytest.mark.parametrize("odd", [pipe, directory, link_to_itself, link_to_a_device])
def test_following_an_event_file_that_is_none_fails(chain: ChainPlan, odd: Odd) -> None:
    odd(Path(chain.paths.events))
    with pytest.raises(OSError):  # noqa: PT011 (of several kinds)
        list(follow(Path(chain.paths.events), stop=lambda: True))


def test_an_event_line_without_an_end_is_passed_over(chain: ChainPlan) -> None:
    file = Path(chain.paths.events)
    file.write_bytes(b"x" * (5 << 20) + b"\n" + EVENT.to_line().encode())
    events = list(follow(file, stop=lambda: True))
    assert events[-1] == EVENT
    assert "invalid line" in str(events[0].message)


def test_following_ends_although_a_level_writes_on(chain: ChainPlan) -> None:
    file = Path(chain.paths.events)
    count = 0
    with file.open("ab", buffering=0) as writer:
        for _ in follow(file, stop=lambda: bool(writer.write(EVENT.to_line().encode() * 10))):
            writer.write(EVENT.to_line().encode() * 2)
            count += 1
    assert count


@pytest.fixture
def reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give a list of the engines and mirror processes that commands turn to; none is reached."""
    monkeypatch.setenv("INCEPTION_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    turned_to: list[str] = []

    @contextmanager
    def connect(_choice: EngineChoice, *, endpoint: str | None = None, **_: object) -> Iterator[None]:
        turned_to.append(endpoint or "usual")
        yield

    monkeypatch.setattr("inception.chain.level_engines.connect", connect)
    monkeypatch.setattr("inception.chain.remote.start._start", lambda plan, _: turned_to.append(plan.endpoint))
    return turned_to


@pytest.mark.parametrize("endpoint", ["ssh://root@192.0.2.1", "tcp://192.0.2.1:2376", "unix:///run/other.sock"])
def test_no_command_turns_to_an_engine_that_a_level_names(
    chain: ChainPlan, endpoint: str, reached: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prove_endpoint(chain)
    forged = replace(chain, endpoint=endpoint, remote=True)
    Path(chain.paths.plan).write_text(forged.to_json())
    assert [it.state for it in list_chains()] == [ChainState.UNREACHABLE]
    with pytest.raises(EngineError, match="nothing proves that you chose it") as caught:
        find_chain(chain.name)
    assert f"DOCKER_HOST={endpoint}" in str(caught.value.remedy)
    with pytest.raises(EngineError, match="nothing proves that you chose it"), level_0_engine(forged, ignore):
        pass
    assert reached == []
    monkeypatch.setenv("DOCKER_HOST", endpoint)
    with level_0_engine(forged, ignore):
        assert reached == ["usual"]


def test_an_engine_that_the_user_chose_is_turned_to(chain: ChainPlan, reached: list[str]) -> None:
    chosen = replace(chain, endpoint="tcp://192.0.2.1:2376")
    prove_endpoint(chosen)
    with level_0_engine(chosen, ignore):
        assert reached == ["tcp://192.0.2.1:2376"]


def test_the_proof_of_another_chain_proves_nothing(chain: ChainPlan, reached: list[str]) -> None:
    chosen = replace(chain, endpoint="tcp://192.0.2.1:2376")
    prove_endpoint(chosen)
    with pytest.raises(EngineError, match="nothing proves"), level_0_engine(replace(chosen, name="other"), ignore):
        pass
    assert reached == []


def test_only_the_user_can_read_the_key(chain: ChainPlan, tmp_path: Path, reached: list[str]) -> None:
    prove_endpoint(chain)
    key = tmp_path / "state" / "endpoint.key"
    assert not key.exists()
    prove_endpoint(replace(chain, endpoint="tcp://192.0.2.1:2376"))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_text()) == 64
    assert reached == []


@pytest.mark.parametrize("place", ["{victim}", "{run}/dream/../../home/dream", "{run}/link/dream"])
def test_ending_a_chain_removes_its_own_run_directory_alone(
    chain: ChainPlan, victim: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(chain.run_directory).parent
    (run / "link").symlink_to(victim.parent)
    forged = replace(chain, run_directory=place.format(victim=victim, run=run))
    Path(chain.paths.plan).write_text(forged.to_json())
    monkeypatch.setattr(teardown, "own_level_1", lambda *_: None)
    monkeypatch.setattr(freezer, "own_level_1", lambda *_: None)
    removed: list[str] = []
    # Nothing is removed here, whatever the code under test asks for: it once obeyed the path in the plan.
    monkeypatch.setattr("inception.chain.teardown.shutil.rmtree", lambda path, **_: removed.append(str(path)))
    status = find_chain(chain.name)
    assert status.state is ChainState.BROKEN
    with docker.APIClient(base_url="http://nowhere:1", version="1.41") as client:
        teardown.take_down(client, status.plan)
        assert removed == []
        teardown.take_down(client, chain)
    assert removed == [chain.run_directory]


def test_a_run_directory_that_is_a_link_is_no_chains(chain: ChainPlan, victim: Path) -> None:
    run = Path(chain.run_directory)
    moved = run.rename(run.with_name("moved"))
    run.symlink_to(moved)
    assert find_chain(chain.name).state is ChainState.BROKEN
    assert victim.exists()


def test_a_plan_of_another_chain_is_no_plan(chain: ChainPlan) -> None:
    Path(chain.paths.plan).write_text(replace(chain, name="other").to_json())
    with pytest.raises(ChainError, match="there is no chain named dream"):
        find_chain("dream")


def test_a_chain_is_not_resized_by_another_plan(chain: ChainPlan, victim: Path) -> None:
    Path(chain.paths.plan).write_text(replace(chain, run_directory=str(victim)).to_json())
    with pytest.raises(ChainError, match="is of another chain"):
        shrink(chain, 1)


def test_a_new_plan_is_not_written_through_a_link(chain: ChainPlan, victim: Path) -> None:
    draft = Path(chain.run_directory) / "plan.new"
    draft.symlink_to(victim / "file")
    save_plan(chain)
    assert ChainPlan.from_json(Path(chain.paths.plan).read_text()) == chain


def test_a_new_levels_files_are_not_made_behind_links(chain: ChainPlan, victim: Path) -> None:
    deeper = plan(3, replace(FACTS, run_root=str(Path(chain.run_directory).parent)))
    Path(deeper.paths.level(3)).symlink_to(victim)
    with pytest.raises(OSError):  # noqa: PT011 (ELOOP or ENOTDIR)
        make_level_directory(deeper, 3)
    Path(deeper.paths.level(3)).unlink()
    Path(deeper.paths.level(3)).mkdir()
    Path(deeper.paths.alive(3)).symlink_to(victim / "new")
    with pytest.raises(OSError):  # noqa: PT011 (ELOOP)
        make_level_directory(deeper, 3)


def test_locks_and_events_are_not_opened_through_links(chain: ChainPlan, victim: Path) -> None:
    for path in (chain.paths.lifeline(1), chain.paths.events):
        Path(path).symlink_to(victim / "file")
    with pytest.raises(OSError):  # noqa: PT011 (ELOOP)
        lifeline.hold(Path(chain.paths.lifeline(1)))
    with pytest.raises(OSError):  # noqa: PT011 (ELOOP)
        EventLog(chain.paths, 0)
    assert flock.is_free(Path(chain.paths.lifeline(1)))


@pytest.mark.parametrize(
    "listed", ["[", "5", '[{"level":1,"address":"$(id)","port":1,"plain":true}]', '[{"level":"1"}]', "\x00"]
)
def test_a_list_of_published_engines_that_is_none_is_an_error(chain: ChainPlan, listed: str) -> None:
    (Path(chain.run_directory) / "published.json").write_text(listed)
    with pytest.raises(ChainError, match=r"published\.json is not the list of published engines"):
        published(chain, 1)


def test_a_caller_that_sends_a_byte_at_a_time_does_not_hold_the_session(
    chain: ChainPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_socket, "_REQUEST_TIMEOUT_S", 0.3)
    over = threading.Event()

    def drip(path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as caller, suppress(OSError):
            caller.connect(str(path))
            while not over.wait(0.05):
                caller.sendall(b" ")

    def serve(_: object) -> int:
        raise AssertionError

    with ControlSocket(chain, serve) as listening:
        dripping = threading.Thread(target=drip, args=(listening.path,))
        dripping.start()
        begun_s = time.monotonic()
        listening.answer()
        over.set()
        assert time.monotonic() - begun_s < 5
        dripping.join()


def test_a_control_socket_that_a_level_has_replaced_is_left_alone(chain: ChainPlan, victim: Path) -> None:
    with ControlSocket(chain, lambda _: 0) as listening:
        listening.path.unlink()
        listening.path.mkdir()
    assert listening.path.is_dir()
    listening.path.rmdir()
    assert victim.exists()


def test_a_status_is_read_from_whatever_events_there_are(chain: ChainPlan) -> None:
    fields = json.loads(EVENT.to_line())
    Path(chain.paths.events).write_text(
        "".join(json.dumps({**fields, "level": level, "seconds": 1.0}) + "\n" for level in (0, 1, 2, 3, 10**30))
    )
    assert find_chain(chain.name).plan == chain
