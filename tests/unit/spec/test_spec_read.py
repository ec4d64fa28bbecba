from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from inception.chain.forwarding.forward import Exposure, Forward
from inception.cli import options
from inception.cli.commands import plan, stress
from inception.cli.main import run_arguments
from inception.plan.engine.options import LevelRange
from inception.plan.mounts import HostMount
from inception.plan.request import Request
from inception.plan.resources import resources_of
from inception.stress.campaign import Campaign

FILE = """\
name = "dream"
dns = "192.0.2.1"
cpus = 1.5
mount = ["src:/src:ro"]
daemon-json = '{"debug": true}'
ttl = "2h"
forward = ["8080:80", "2=8053:dns:53/udp"]
expose-host = [5000]

[[levels]]
depth = 2
image = "one"

[[levels]]
image-store = "containerd"
memory = "1GB"
forward = "9090:web:90"

[campaign]
soak = "30m"
"""


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Keep the values that `inception plan` would be called with, and call nothing."""
    seen = SimpleNamespace(request=None, carried=None, engine=None)

    @options.with_chain_options()
    def take(
        *, request: Request, carried: tuple[Forward | Exposure, ...], engine: options.EngineAddress = "auto"
    ) -> None:
        seen.request, seen.carried, seen.engine = request, carried, engine

    monkeypatch.setattr(plan, "plan", take)
    return seen


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    written = tmp_path / "chain.toml"
    written.write_text(FILE)
    return written


def test_a_file_makes_a_request(seen: SimpleNamespace, file: Path) -> None:
    assert run_arguments(["plan", "--spec", str(file)]) == 0
    request = seen.request
    assert (request.name, request.depth, request.dns) == ("dream", 3, ("192.0.2.1",))
    assert [request.image_of(2), request.image_store_of(3)] == ["one", "containerd"]
    assert request.image_of(3) == request.image
    assert resources_of(1, request.resources).cpus == 1.5
    assert resources_of(3, request.resources).memory == 10**9
    source = str(file.parent / "src")
    assert request.mounts == (HostMount(levels=LevelRange(), source=source, target="/src", read_only=True),)
    assert request.daemon_json[0].file.settings() == {"debug": True}
    assert [str(it) for it in seen.carried] == [
        "127.0.0.1:8080 to 80 in level 3",
        "127.0.0.1:8053/udp to dns:53 in level 2",
        "port 5000 of the host in every level",
        "127.0.0.1:9090 to web:90 in level 3",
    ]


def test_options_and_variables_prevail(seen: SimpleNamespace, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCEPTION_CPUS", "2")
    assert run_arguments(["plan", "--spec", str(file), "--depth", "5", "--dns", "192.0.2.9"]) == 0
    assert (seen.request.depth, seen.request.dns) == (5, ("192.0.2.9",))
    assert resources_of(1, seen.request.resources).cpus == 2
    assert seen.carried[0].level == 5, "the bottom is that of the chain"


def test_options_of_the_command_itself_are_keys_too(seen: SimpleNamespace, file: Path) -> None:
    file.write_text('depth = 1\nengine = "private"\n')
    assert run_arguments(["plan", "--spec", str(file)]) == 0
    assert seen.engine == "private"
    assert run_arguments(["plan", "--spec", str(file), "--engine", "host"]) == 0
    assert seen.engine == "host"


def test_levels_may_be_fewer_than_the_depth(seen: SimpleNamespace, file: Path) -> None:
    file.write_text('depth = 4\n[[levels]]\nimage = "one"\n')
    assert run_arguments(["plan", "--spec", str(file)]) == 0
    assert [seen.request.image_of(1), seen.request.image_of(2)] == ["one", seen.request.image]
    assert seen.request.depth == 4


def test_a_file_without_levels_needs_a_depth(
    seen: SimpleNamespace, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text('name = "dream"\n')
    assert run_arguments(["plan", "--spec", str(file)]) == 2
    assert "missing option '--depth' / '-d': see inception plan --help" in capsys.readouterr().err
    assert seen.request is None


BROKEN = [
    ("name =", "nam =", ":1: nam: there is no key nam: see: inception spec --schema"),
    ("cpus = 1.5", "cpus = true", ":3: cpus: it is a true or false, not a whole number or number or text or list: see"),
    ("depth = 2", 'depth = "two"', ":11: levels[0].depth: it is a text, not a whole number: see"),
    ("depth = 2", "depth = 0", ":11: levels[0].depth: it is not a whole number >= 1: see"),
    ("image =", "imag =", ":12: levels[0].imag: there is no key imag: see"),
    ('"1GB"', '"much"', ":16: levels[1].memory: --memory 3:much: 'much' is not a size: write it like"),
    ('"containerd"', '"btrfs"', ":15: levels[1].image-store: '3=btrfs' names no image store: they are"),
    ("192.0.2.1", "localhost", ":2: dns: 'localhost' is not the address of a name server: write it like"),
    ("src:/src", "sources:/src", ":4: mount: mount "),
    ("src:/src", "src:/proc", ":4: mount: mount target /proc would hide"),
    ('"debug"', '"bip"', ":5: daemon-json: daemon.json sets bip, which the plan decides for a level: choose"),
    ('"2h"', '"soon"', ":6: ttl: 'soon' is not a duration: write it like 90s"),
    ("2=8053", "7=8053", ":7: forward: cannot forward to level 7: the chain has none: its levels are 1 to 3"),
    ("9090:web:90", "web:90", ":17: levels[1].forward: 'web:90' is not [ADDRESS:]PORT:"),
    ("[5000]", "[70000]", ":8: expose-host[0]: it is not a whole number <= 65535: see"),
    ('"30m"', '"long"', ":20: campaign.soak: 'long' is not a duration: write it like"),
    ("soak", "sock", ":20: campaign.sock: there is no key sock: see"),
    ('"dream"', '"Dream"', ":1: name: 'Dream' cannot name a chain: use lower-case letters"),
    ("name =", "pid = 'none'\nname =", ":1: pid: none is no choice: see"),
    ("name =", "storage = 'volume'\nstorage-size = 5\nname =", ": a volume has no size of its own: leave out"),
    ('"dream"', "dream", " is not TOML: Invalid value (at line 1, column 8): see"),
]


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize(("right", "wrong", "said"), BROKEN)
def test_a_broken_file_gets_one_line_with_key_and_place(
    right: str, wrong: str, said: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(FILE.replace(right, wrong, 1))
    assert run_arguments(["plan", "--spec", str(file)]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"inception: error: {file}{said}"), printed
    assert printed.count("\n") == 1


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_arguments(["plan", "--spec", "/nonesuch/chain.toml"]) == 2
    assert "/nonesuch/chain.toml cannot be read: No such file" in capsys.readouterr().err


def test_preloads_are_images_or_files_beside_the_file(seen: SimpleNamespace, file: Path) -> None:
    archive = file.parent / "images.tar"
    archive.touch()
    file.write_text('depth = 1\npreload = ["app:1", "images.tar"]\n')
    run_arguments(["plan", "--spec", str(file)])
    assert seen.request.preload == ("app:1", str(archive))


_PAGE = Path(__file__).parents[3] / "docs/how-to/chain-file.md"
EXAMPLES = re.findall(r"```toml\n(name =.*?)```", _PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_files_in_the_manual_are_right(example: str, seen: SimpleNamespace, file: Path) -> None:
    file.write_text(example)
    assert run_arguments(["plan", "--spec", str(file)]) == 0
    assert (seen.request.name, seen.request.depth) in {("dream", 3), ("ci", 5)}


TREE = """\
[[levels]]
name = "host"

[[levels]]
parent = "host"
depth = 2
pids = 900

[[levels]]
name = "b"
parent = "host"

[[levels]]
parent = "host"

[[levels]]
parent = "b"
forward = "8080:80"

[[levels]]
parent = "b"
"""


def test_a_tree_is_numbered_branch_by_branch(seen: SimpleNamespace, file: Path) -> None:
    file.write_text(TREE)
    assert run_arguments(["plan", "--spec", str(file)]) == 0
    places = [(it.above, it.label) for it in seen.request.places]
    assert places == [(0, "host"), (1, "a"), (2, ""), (1, "b"), (4, "a"), (4, "c"), (1, "c")]
    assert seen.request.depth == 7
    assert [resources_of(number, seen.request.resources).pids for number in (2, 3, 4)] == [900, 900, None]
    assert [it.level for it in seen.carried] == [5]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('parent = "b"', 'parent = "z"', ":17: levels[4].parent: no table before this one has the name 'z': name one"),
        (
            'parent = "b"\nforward',
            'parent = "b"\nname = "b"\nforward',
            ":18: levels[4].name: b is the name of a sibling or",
        ),
        ('name = "b"', 'name = "3"', ":10: levels[2].name: '3' cannot name a level: use lower-case"),
        ('name = "host"', 'image = "x"', ":5: levels[1].parent: no table before this one has the name 'host': give"),
        (
            "[[levels]]\nname",
            'forward = "80:80"\n[[levels]]\nname',
            ":1: forward: cannot forward to the bottom",
        ),
        (
            "[[levels]]\nname",
            'storage = "loopback"\n[[levels]]\nname',
            ": a tree has no loopback image at each level: use",
        ),
    ],
)
@pytest.mark.usefixtures("seen")
def test_a_broken_tree_gets_one_line(
    right: str, wrong: str, said: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TREE.replace(right, wrong, 1))
    assert run_arguments(["plan", "--spec", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"inception: error: {file}{said}")


def test_a_tree_has_the_depth_that_it_has(
    seen: SimpleNamespace, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TREE)
    assert run_arguments(["plan", "--spec", str(file), "--depth", "3"]) == 2
    assert "a tree of 7 levels has no other depth: leave out --depth" in capsys.readouterr().err
    assert seen.request is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["run"], "a tree has several bottoms, and a job runs at one"), (["stress"], "a tree has several")],
)
def test_a_tree_is_for_up_and_plan(
    arguments: list[str], said: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TREE)
    assert run_arguments([*arguments, "--spec", str(file)]) == 2
    assert said in capsys.readouterr().err


def test_names_in_a_line_go_on_below_it(seen: SimpleNamespace, file: Path) -> None:
    file.write_text('depth = 4\n[[levels]]\nname = "one"\n[[levels]]\nname = "two"\n')
    assert run_arguments(["plan", "--spec", str(file)]) == 0
    assert [(it.above, it.label) for it in seen.request.places] == [(0, "one"), (1, "two"), (2, ""), (3, "")]
    assert run_arguments(["plan", "--spec", str(file), "--depth", "1"]) == 0
    assert [it.label for it in seen.request.places] == ["one"]


def test_a_campaign_is_that_of_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Campaign] = []

    def run(campaign: Campaign, _command: tuple[str, ...], **_: object) -> int:
        found.append(campaign)
        return 0

    monkeypatch.setattr(stress, "_run", run)
    file.write_text('depth = 3\n[campaign]\ncycles = 5\nsoak = "30m"\nmeasure = false\nchains = 2\n')
    assert run_arguments(["stress", "--spec", str(file), "--chains", "4"]) == 0
    (campaign,) = found
    assert (campaign.depth, campaign.cycles, campaign.soak_s, campaign.measure) == (3, 5, 1800.0, False)
    assert campaign.chains == 4, "the command line prevails"
