"""The demo by hand: typed commands that break and heal the providers and order the agent about."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from mailover.core.commands import Command, FailBack, PinProvider, Unpin
from mailover.demo.behaviour import Behaviour
from mailover.demo.diary import Diary
from mailover.demo.scene import STREAM, Scene
from mailover.errors import MailoverError

_BY = "demo"
_PIN_MINUTES = 5.0
_LONGEST_PIN = 24 * 60.0
_LONGEST_PAUSE = 60.0

HELP = f"""\
break PROVIDER [HOW] [MUCH]   HOW: {", ".join(Behaviour)[len("healthy, ") :]}
                              MUCH: the share for brown_out and recipient, the seconds for slow
heal PROVIDER | all           make it healthy again
pin PROVIDER [MINUTES]        hold the flag on a provider
unpin                         end the pin
failback                      return to the best provider now
status                        the providers and the flag
quit                          end the demo"""


class Misunderstood(Exception):  # noqa: N818 -- it is the typist's slip, not an error of the program
    """A line that cannot be carried out; its text says why."""


class Keyboard:
    """Carries out typed lines."""

    def __init__(self, scene: Scene, diary: Diary, say: Callable[[str], None], show: Callable[[], None]) -> None:
        """`say` prints a line, `show` the picture."""
        self._scene = scene
        self._diary = diary
        self._say = say
        self._show = show
        self._words: Mapping[str, Callable[[list[str]], None]] = {
            "break": self._break,
            "heal": self._heal,
            "pin": self._pin,
            "unpin": lambda _rest: self._order(Unpin(stream=STREAM, by=_BY)),
            "failback": lambda _rest: self._order(FailBack(stream=STREAM, by=_BY)),
            "status": lambda _rest: self._show(),
            "help": lambda _rest: self._say(HELP),
        }

    def obey(self, line: str) -> bool:
        """Carry out one line; False when it says to end. A slip is told, never raised."""
        word, *rest = line.casefold().split() or [""]
        if word in {"quit", "exit", "q"}:
            return False
        try:
            if word:
                self._carry_out(word, rest)
        except (Misunderstood, MailoverError) as slip:
            self._say(str(slip))
        return True

    def _carry_out(self, word: str, rest: list[str]) -> None:
        doing = self._words.get(word)
        if doing is None:
            raise Misunderstood(f"{word!r} is no command here; help lists them")
        doing(rest)

    def _break(self, rest: list[str]) -> None:
        name, how, much = [*rest, "", "", ""][:3]
        provider = self._scene.providers[self._known(name)]
        try:
            behaviour = Behaviour(how.replace("-", "_") or Behaviour.REFUSE)
        except ValueError:
            raise Misunderstood(f"a provider cannot {how!r}; it can: {', '.join(Behaviour)}") from None
        if behaviour is Behaviour.SLOW:
            provider.behave(behaviour, seconds=_number(much, 3.0, _LONGEST_PAUSE))
        else:
            provider.behave(behaviour, share=_number(much, 0.5, 1.0))
        self._diary.note(f"{name}: {behaviour}")

    def _heal(self, rest: list[str]) -> None:
        named = (rest or [""])[0]
        for name in self._scene.providers if named == "all" else [self._known(named)]:
            self._scene.providers[name].behave(Behaviour.HEALTHY)
            self._diary.note(f"{name}: {Behaviour.HEALTHY}")

    def _pin(self, rest: list[str]) -> None:
        name, minutes = [*rest, "", ""][:2]
        span = timedelta(minutes=_number(minutes, _PIN_MINUTES, _LONGEST_PIN))
        until = self._scene.service.clock.now() + span
        pin = PinProvider(stream=STREAM, provider=self._known(name), until=until, reason="by hand", by=_BY)
        self._order(pin)

    def _order(self, command: Command) -> None:
        decision = self._scene.service.order(command)
        if not decision.events:
            self._say(decision.because)

    def _known(self, name: str) -> str:
        if name not in self._scene.providers:
            raise Misunderstood(f"which provider? there are {', '.join(self._scene.providers)}")
        return name


def _number(word: str, default: float, largest: float) -> float:
    """A positive number of at most `largest`."""
    if not word:
        return default
    try:
        number = float(word)
    except ValueError:
        raise Misunderstood(f"{word!r} is no number") from None
    if not 0 < number <= largest:
        raise Misunderstood(f"{word} is not between 0 and {largest:g}")
    return number
