import io
from pathlib import Path

import pytest
import requests
from rich.console import Console

from mailover.demo.authority import shared_authority
from mailover.demo.diary import Diary
from mailover.demo.play import Pace, play, wait_until_probed
from mailover.demo.scene import NAMES, Scene, document
from mailover.demo.screen import Screen


def written(scene: Scene, diary: Diary, environment: dict[str, str]) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120, _environ=environment)
    console.print(Screen(console, scene, diary).picture())
    return out.getvalue()


def test_the_picture_shows_every_provider_and_the_flag(scene: Scene, diary: Diary) -> None:
    wait_until_probed(scene, 20, lambda _seconds: None)
    diary.note("[bold]not markup[/bold]")
    shown = written(scene, diary, {"TERM": "dumb"})
    assert all(name in shown for name in NAMES)
    assert "normal, epoch" in shown
    assert "[bold]not markup[/bold]" in shown


def test_no_color_means_no_colour(scene: Scene, diary: Diary) -> None:
    assert "\x1b[32m" in written(scene, diary, {"TERM": "xterm"})
    assert "\x1b[32m" not in written(scene, diary, {"TERM": "xterm", "NO_COLOR": "1"})


def test_a_file_gets_a_line_for_each_entry(scene: Scene) -> None:
    out, diary = io.StringIO(), Diary()
    screen = Screen(Console(file=out, width=40), scene, diary)
    diary.note("before")
    with screen.live():
        diary.note("a sentence that is longer than forty columns and stays on one line")
    lines = out.getvalue().splitlines()
    assert lines[0].endswith("-- before")
    assert lines[1].endswith("-- a sentence that is longer than forty columns and stays on one line")
    assert "\x1b" not in out.getvalue()


def test_the_curl_line_works(scene: Scene, diary: Diary) -> None:
    out = io.StringIO()
    Screen(Console(file=out), scene, diary).introduce()
    url = next(line for line in out.getvalue().splitlines() if "curl" in line).split()[-1]
    assert requests.get(url, timeout=10).json()["provider"] == "postmark"


def test_no_password_is_shown(scene: Scene, diary: Diary) -> None:
    out = io.StringIO()
    Screen(Console(file=out), scene, diary).introduce()
    shown = out.getvalue() + written(scene, diary, {})
    assert not [name for name, provider in scene.providers.items() if provider.password in shown]


def test_a_play_in_which_nothing_moves_claims_nothing(scene: Scene) -> None:
    hurry = Pace(quiet=0, broken=0, closing=0, patience=0.05)
    outcome = play(scene, Diary(), hurry)
    assert not outcome.complete
    assert outcome.lines()[:2] == ["the flag never failed over", "the flag never failed back"]


def test_the_demos_config_holds_nothing_but_loopback(scene: Scene, tmp_path: Path) -> None:
    said = document(tmp_path, scene.providers, sink_port=2525)
    assert {account["host"] for account in said["providers"].values()} == {"127.0.0.1"}
    assert Path(said["providers"]["ses"]["ca_file"]).read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
    assert shared_authority() is shared_authority()


@pytest.fixture(autouse=True)
def _healed(scene: Scene) -> None:
    """Each test begins with healthy providers."""
