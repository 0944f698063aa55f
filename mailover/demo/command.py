"""`mailover demo`: sets the scene, plays or lets play, and takes everything down again, also on Ctrl-C."""

import logging
import signal

from rich.console import Console

from mailover.demo.diary import Diary
from mailover.demo.keyboard import HELP, Keyboard
from mailover.demo.play import Pace, play
from mailover.demo.scene import set_up
from mailover.demo.screen import Screen


def run_demo(*, manual: bool, pace: Pace | None = None) -> bool:
    """Whether all went well: by itself, when failover and fail-back really happened; by hand, always."""
    logging.getLogger().addHandler(logging.NullHandler())  # what is worth telling is on the screen
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it, the temporary directory goes too
    console = Console(highlight=False)
    diary = Diary()
    try:
        with set_up(diary) as scene:
            screen = Screen(console, scene, diary)
            screen.introduce()
            if manual:
                _by_hand(console, screen, Keyboard(scene, diary, screen.say, lambda: console.print(screen.picture())))
                return True
            with screen.live():
                outcome = play(scene, diary, pace or Pace())
            for line in ["", *outcome.lines()]:
                screen.say(line)
            return outcome.complete
    except KeyboardInterrupt:
        console.print("ended")
        return manual


def _by_hand(console: Console, screen: Screen, keyboard: Keyboard) -> None:
    """Read lines until one says to end, or there are no more."""
    screen.say(HELP)
    screen.tell_entries()
    try:
        while keyboard.obey(console.input("> ")):
            pass
    except EOFError:
        return
