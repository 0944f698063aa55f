"""The play: the first provider breaks, the flag fails over; it is healed, the flag fails back. Then the sum of it.

Waits for what really happens and claims nothing else.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mailover.core.events import EventType
from mailover.core.fleet import Flag
from mailover.demo.application import Tally
from mailover.demo.behaviour import Behaviour
from mailover.demo.diary import Diary, Entry
from mailover.demo.scene import STREAM, Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds for each act."""

    quiet: float = 8.0
    broken: float = 12.0
    closing: float = 4.0
    patience: float = 30.0
    """The longest wait for anything that must happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What really happened."""

    first_epoch: int
    last_epoch: int
    broken: Entry
    failed_over: Entry | None
    healed: Entry
    failed_back: Entry | None
    tally: Tally
    arrived: int
    """How many of the application's messages reached the customer."""
    handed_over: int = 0
    """Messages that the relay took."""
    relayed: int = 0
    """How many of these arrived."""
    relayed_twice: int = 0
    through: Mapping[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether the flag went away from the broken provider and came back, and the relay lost nothing meanwhile."""
        moved = self.failed_over is not None and self.failed_back is not None
        return moved and self.relayed == self.handed_over

    def lines(self) -> list[str]:
        """The sum of it, for people."""
        return [
            _moved("failed over", self.failed_over, self.broken, "the provider broke"),
            _moved("failed back", self.failed_back, self.healed, "it was healed"),
            f"the flag's epoch went from {self.first_epoch} to {self.last_epoch}; each step is one change of the flag",
            tell_tally(self.tally, self.arrived),
            tell_relayed(self.handed_over, self.relayed, self.through, self.relayed_twice),
        ]


def play(scene: Scene, diary: Diary, pace: Pace, sleep: Callable[[float], None] = time.sleep) -> Outcome:
    """From the first probe to the end; about 45 seconds at the usual pace."""
    first = flag_of(scene).provider or ""
    diary.note("everything is healthy; the agent looks at every provider each second")
    wait_until_probed(scene, pace.patience, sleep)
    sleep(pace.quiet)
    epoch = flag_of(scene).epoch
    scene.providers[first].behave(Behaviour.REFUSE)
    broken = diary.note(f"{first} breaks: it refuses connections now")
    failed_over = diary.wait_for(EventType.FAILOVER_HAPPENED, after=broken, within=pace.patience, sleep=sleep)
    sleep(pace.broken)
    scene.providers[first].behave(Behaviour.HEALTHY)
    healed = diary.note(f"{first} is healed; the flag returns when it has stayed healthy for a while")
    failed_back = diary.wait_for(EventType.FAILBACK_HAPPENED, after=healed, within=pace.patience, sleep=sleep)
    sleep(pace.closing)
    scene.application.stop()
    scene.simple.stop()
    wait_until_relayed(scene, pace.patience, sleep)
    return Outcome(
        first_epoch=epoch,
        last_epoch=flag_of(scene).epoch,
        broken=broken,
        failed_over=failed_over,
        healed=healed,
        failed_back=failed_back,
        tally=scene.application.tally,
        arrived=scene.post.arrived,
        handed_over=scene.simple.taken,
        relayed=scene.post.relayed,
        relayed_twice=scene.post.relayed_twice,
        through=scene.post.through,
    )


def flag_of(scene: Scene) -> Flag:
    """The flag as readers see it now."""
    return scene.service.snapshot.flags[STREAM].flag


def tell_tally(tally: Tally, arrived: int) -> str:
    """What became of the application's messages, in one line."""
    shares = ", ".join(f"{count} through {name}" for name, count in tally.sent.items())
    told = f"the application sent {tally.total} messages ({shares or 'none'}), {arrived} arrived"
    if tally.detours:
        told += f"; {tally.detours} took a fallback before the flag had moved"
    return f"{told}; {tally.stuck} taken by nobody" if tally.stuck else told


def tell_relayed(handed_over: int, relayed: int, through: Mapping[str, int], twice: int) -> str:
    """What became of the messages that an application handed to the relay, in one line."""
    shares = ", ".join(f"{count} through {name}" for name, count in through.items())
    told = f"the relay took {handed_over} messages, {relayed} arrived"
    return f"{told} ({shares or 'none'}), {twice} of them twice" if twice else f"{told} ({shares or 'none'})"


def wait_until_relayed(scene: Scene, within: float, sleep: Callable[[float], None]) -> None:
    """Return when all that the relay took has arrived, or the time is up."""
    until = time.monotonic() + within
    while scene.post.relayed < scene.simple.taken and time.monotonic() < until:
        sleep(0.1)


def wait_until_probed(scene: Scene, within: float, sleep: Callable[[float], None]) -> None:
    """Return when every provider has answered once, or the time is up."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        if all(breaker.ok_at is not None for breaker in scene.service.snapshot.fleet.breakers.values()):
            return
        sleep(0.1)


def _moved(how: str, entry: Entry | None, cause: Entry, what: str) -> str:
    if entry is None or entry.event is None:
        return f"the flag never {how}"
    data = entry.event.data
    return (
        f"{how} from {data.get('from')} to {data.get('to')} {entry.seconds - cause.seconds:.1f} s after {what}"
        f" (epoch {data.get('epoch')})"
    )
