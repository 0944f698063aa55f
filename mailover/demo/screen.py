"""What the demo shows: a live picture on a terminal, plain lines anywhere else. It looks and never touches."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mailover.core.breaker import Breaker, BreakerState
from mailover.core.events import Severity
from mailover.core.fleet import Flag, Mode
from mailover.demo.behaviour import Behaviour
from mailover.demo.diary import Diary, Entry
from mailover.demo.play import flag_of, tell_relayed, tell_tally
from mailover.demo.scene import Scene

_BREAKER_STYLE = {
    BreakerState.CLOSED: "green",
    BreakerState.HALF_OPEN: "yellow",
    BreakerState.OPEN: "bold red",
    BreakerState.DISABLED: "dim",
}
_SEVERITY_STYLE = {Severity.INFO: "green", Severity.WARNING: "yellow", Severity.CRITICAL: "bold red"}
_MODE_STYLE = {Mode.NORMAL: "bold green", Mode.EXHAUSTED: "bold red"}
_LATEST = 8
_FRAMES_PER_SECOND = 8


class Screen:
    """One console, and what is written on it."""

    def __init__(self, console: Console, scene: Scene, diary: Diary) -> None:
        """Nothing is written before it is asked for."""
        self._console = console
        self._scene = scene
        self._diary = diary

    def introduce(self) -> None:
        """Say what runs where, and how to look at it from another terminal."""
        url = self._scene.url
        if self._scene.moved:
            self.say("The usual port 8587 is taken, so the API listens on another one.")
        self.say(f"API        {url} (all of it in a browser: {url}/docs)")
        self.say(f"The flag   curl -s {url}/v1/active-provider")
        for name, provider in self._scene.providers.items():
            self.say(f"{name:<10} smtp://{provider.host}:{provider.port} (STARTTLS and AUTH, a fake on this machine)")
        relay = self._scene.simple
        self.say(f"The relay  smtp://{relay.host}:{relay.port} (hand over mail here; no login, this machine only)")
        self.say("")

    def say(self, text: str) -> None:
        """One plain line, never taken for markup and never wrapped."""
        self._console.print(Text(text), soft_wrap=True)

    @contextmanager
    def live(self) -> Iterator[None]:
        """While the block runs: the picture on a terminal, a line for each entry of the diary elsewhere."""
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            self.tell_entries()
            yield
            return
        with Live(
            get_renderable=self.picture,
            console=self._console,
            refresh_per_second=_FRAMES_PER_SECOND,
            vertical_overflow="visible",
        ):
            yield

    def tell_entries(self) -> None:
        """Write each entry of the diary, the past ones now, the others when they are made."""
        self._diary.follow(lambda entry: self._console.print(_line(entry), soft_wrap=True))

    def picture(self) -> RenderableType:
        """Everything at a glance."""
        flag = flag_of(self._scene)
        latest = [_line(entry) for entry in self._diary.entries[-_LATEST:]]
        for line in latest:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(
            self.table(),
            Panel(_flag_text(flag), title=f"the flag of {flag.stream}", title_align="left"),
            Text(f" {tell_tally(self._scene.application.tally, self._scene.post.arrived)}"),
            Text(f" {self._relayed()}"),
            Panel(Group(*latest), title=f"what happened, {self._diary.seconds:.0f} s", title_align="left"),
        )

    def _relayed(self) -> str:
        scene = self._scene
        return tell_relayed(scene.simple.taken, scene.post.relayed, scene.post.through, scene.post.relayed_twice)

    def table(self) -> Table:
        """Every provider: what it does, and what the agent makes of it."""
        table = Table(expand=True)
        for heading in ("provider", "does", "breaker", "last probe", "last failure"):
            table.add_column(heading)
        snapshot = self._scene.service.snapshot
        for name, provider in self._scene.providers.items():
            table.add_row(*_row(name, provider.behaviour, snapshot.fleet.breakers[name], snapshot.fleet.decided_at))
        return table


def _row(name: str, behaviour: Behaviour, breaker: Breaker, now: datetime) -> tuple[Text, ...]:
    probe = "-" if breaker.seconds is None else f"{breaker.seconds:.3f} s"
    failure = "-"
    if breaker.failures:
        latest = breaker.failures[-1]
        ago = max(0.0, (now - latest.at).total_seconds())
        failure = f"{latest.failure.kind} at {latest.failure.stage}, {ago:.0f} s ago"
    return (
        Text(name),
        Text(behaviour, style="" if behaviour is Behaviour.HEALTHY else "yellow"),
        Text(breaker.state, style=_BREAKER_STYLE[breaker.state]),
        Text(probe),
        Text(failure),
    )


def _flag_text(flag: Flag) -> Text:
    style = _MODE_STYLE.get(flag.mode, "bold yellow")
    text = Text.assemble((flag.provider or "nobody", style), f"  {flag.mode}, epoch {flag.epoch}")
    if flag.fallbacks:
        text.append(f", then {', '.join(flag.fallbacks)}", style="dim")
    return text.append(f"\n{flag.because}")


def _line(entry: Entry) -> Text:
    text = Text.assemble((f"{entry.seconds:6.1f} s  ", "dim"))
    if entry.event is None:
        return text.append(f"-- {entry.text}", style="bold")
    text.append(f"{entry.event.type:<20} ", style=_SEVERITY_STYLE[entry.event.severity])
    return text.append(entry.text)
