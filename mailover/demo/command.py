"""`mailover demo`: sets the scene, plays or lets play, and takes everything down again, also on Ctrl-C."""

import logging
import sys

from rich.console import Console

from mailover.demo.diary import Diary
from mailover.demo.ending import Ended, Ending
from mailover.demo.keyboard import HELP, Keyboard
from mailover.demo.play import Pace, play
from mailover.demo.scene import Scene, set_up
from mailover.demo.screen import Screen


def run_demo(*, manual: bool) -> bool:
    """Whether all went well: by itself, when failover and fail-back really happened; by hand, always."""
    logging.getLogger().addHandler(logging.NullHandler())  # what is worth telling is on the screen
    console = Console(highlight=False)
    diary = Diary()
    try:
        with Ending() as ending, set_up(diary) as scene:
            screen = Screen(console, scene, diary)
            screen.introduce()
            if manual:
                screen.say(HELP)
                screen.tell_entries()
                keyboard = Keyboard(scene, diary, screen.say, lambda: console.print(screen.picture()))
                _obey(keyboard, ending)
                return True
            return _perform(scene, diary, screen, ending)
    except Ended:
        console.print("ended")
        return manual


def _perform(scene: Scene, diary: Diary, screen: Screen, ending: Ending) -> bool:
    with screen.live():
        outcome = play(scene, diary, Pace(), ending.sleep)
    for line in ["", *outcome.lines()]:
        screen.say(line)
    return outcome.complete


def _obey(keyboard: Keyboard, ending: Ending) -> None:
    """Carry out typed lines until one says to end, or there are no more."""
    for line in ending.lines(sys.stdin.fileno()):
        if not keyboard.obey(line):
            return
