"""Draws demo.svg, the demo's own picture, taken while the backup carries the mail."""

import io
import logging
import re
import time
from pathlib import Path

from rich.console import Console

from mailover.demo.behaviour import Behaviour
from mailover.demo.diary import Diary
from mailover.demo.scene import NAMES, set_up
from mailover.demo.screen import Screen

_COLUMNS = 118
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Readers' own monospace font does; a picture fetches nothing."""


def draw(target: Path) -> None:
    """Break the first provider for real, wait for the flag to move, and keep what the screen shows then."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    diary = Diary()
    with set_up(diary) as scene:
        screen = Screen(console, scene, diary)
        screen.introduce()
        time.sleep(3)
        diary.note(f"{NAMES[0]} breaks: it refuses connections now")
        scene.providers[NAMES[0]].behave(Behaviour.REFUSE)
        while scene.service.snapshot.fleet.breakers[NAMES[0]].closed:
            time.sleep(0.1)
        time.sleep(2)
        console.print(screen.picture())
    svg = console.export_svg(title="mailover demo")
    target.write_text(_FONT.sub("", svg), encoding="utf-8")


logging.getLogger().addHandler(logging.NullHandler())
draw(Path(__file__).parent / "demo.svg")
