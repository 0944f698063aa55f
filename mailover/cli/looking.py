"""Commands that read: status, providers, streams, events, failovers."""

import time
from contextlib import suppress
from typing import Any

import click
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mailover.cli.api import Api
from mailover.cli.figures import figure_table, score
from mailover.cli.session import OK, UNHEALTHY, Session, as_json, console, guarded, pass_session, print_json
from mailover.errors import UnreachableError

_COLOURS = {
    "healthy": "green",
    "degraded": "yellow",
    "down": "red",
    "disabled": "dim",
    "unknown": "dim",
    "normal": "green",
    "balance": "green",
    "failover": "yellow",
    "pinned": "cyan",
    "blind": "red",
    "exhausted": "red",
    "info": "green",
    "warning": "yellow",
    "critical": "red",
}
_WATCH_SECONDS = 2.0
_WATCH_EVENTS = 8

limit = click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many at most.")


def _painted(word: str) -> Text:
    return Text(word, style=_COLOURS.get(word, ""))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f} s"


def stream_table(streams: list[dict[str, Any]]) -> Group:
    """Streams with what their flags say, and why."""
    table = _table("stream", "provider", "mode", "fallbacks", "epoch")
    reasons = []
    for stream in streams:
        flag = stream["flag"]
        provider = Text(flag["provider"] or "none", style="bold")
        fallbacks = ", ".join(flag["fallbacks"]) or "none"
        table.add_row(stream["stream"], provider, _painted(flag["mode"]), fallbacks, str(flag["epoch"]))
        reasons.append(Text(f"{stream['stream']}: {flag['because']}"))
    return Group(table, *reasons)


def provider_table(providers: list[dict[str, Any]]) -> Table:
    """Providers with their health."""
    table = _table("provider", "health", "breaker", "answers in", "score", "runs", "latest failure")
    for each in providers:
        runs = " ".join(f"{depth} {length}" for depth, length in each["runs"].items() if length) or "-"
        last = each["last_failures"][-1] if each["last_failures"] else None
        said = f"{last['at']} {last['kind']}: {last['text']}" if last else "-"
        reliability = score(each["score"])
        answers = _seconds(each["latency"]["last_seconds"])
        table.add_row(
            each["name"], _painted(each["health"]), each["breaker"], answers, reliability, runs, Text(said[:100])
        )
    return table


@click.command()
@as_json
@click.option("--watch", is_flag=True, help="Stay, and show what changes, until Ctrl-C.")
@pass_session
@guarded
def status(session: Session, json_: bool, watch: bool) -> None:
    """Show what each stream's flag says and how each provider is. Exit code 1 when a stream is in trouble."""
    if watch:
        _watch(session.api)
        return
    now = _Glance(session.api)
    if json_:
        print_json({"streams": now.streams, "providers": now.providers})
    else:
        console().print(now.picture())
    raise SystemExit(OK if now.healthy else UNHEALTHY)


class _Glance:
    """Everything that status shows, as it is at one moment."""

    def __init__(self, api: Api) -> None:
        self.streams: list[dict[str, Any]] = api.get("/streams")["items"]
        self.providers: list[dict[str, Any]] = api.get("/providers")["items"]
        self.events: list[dict[str, Any]] = []

    @property
    def healthy(self) -> bool:
        """Whether mail flows, and for good reason."""
        return all(s["flag"]["sending"] and s["flag"]["mode"] not in {"blind", "exhausted"} for s in self.streams)

    def picture(self) -> Group:
        """Streams and why, then providers."""
        return Group(stream_table(self.streams), "", provider_table(self.providers))


def _watch(api: Api) -> None:
    """Keep the picture and the latest events on the screen; an agent that is away for a while is said, not fatal."""
    seen: Group | None = None
    with suppress(KeyboardInterrupt), Live(console=console(), auto_refresh=False, vertical_overflow="visible") as live:
        while True:
            at = time.strftime("%H:%M:%S")
            try:
                latest = [_event_line(e) for e in api.get("/events", limit=_WATCH_EVENTS, newest="true")["items"]]
                seen = Group(_Glance(api).picture(), "", *latest)
                headline = Text(f"{api.url} at {at}", style="dim")
            except UnreachableError as error:
                if seen is None:
                    raise
                headline = Text(f"{at} {error}; this is what it said last:", style="red")
            live.update(Group(headline, "", seen), refresh=True)
            time.sleep(_WATCH_SECONDS)


def _latest(api: Api, path: str, *, after: str | None = None, **choice: Any) -> dict[str, Any]:
    """The end of a log, or what came next after an item; oldest first, as people read, either way."""
    if after is not None:
        return dict(api.get(path, after=after, **choice))
    return {"items": api.get(path, newest="true", **choice)["items"][::-1], "next": None}


def _event_line(event: dict[str, Any]) -> Text:
    kind = (event["type"], _COLOURS[event["data"]["severity"]])
    return Text.assemble(event["time"], " ", kind, f" {event['subject']}: {event['data']['because']}")


@click.group()
def providers() -> None:
    """List, enable and disable providers."""


@providers.command(name="list")
@as_json
@pass_session
@guarded
def list_providers(session: Session, json_: bool) -> None:
    """List the providers with their health and their figures."""
    found = session.api.get("/providers")["items"]
    print_json(found) if json_ else console().print(provider_table(found), "", figure_table(found))


@click.command()
@as_json
@limit
@click.option("--type", "type_", help="Only this type, as in failover.happened.")
@click.option("--provider", help="Only of this provider.")
@click.option("--stream", help="Only of this stream.")
@click.option("--after", help="Only what came after the event with this id.")
@pass_session
@guarded
def events(
    session: Session,
    json_: bool,
    limit: int,
    after: str | None,
    type_: str | None,
    provider: str | None,
    stream: str | None,
) -> None:
    """Show the latest of the event log, the newest last. With --after what followed that event."""
    found = _latest(session.api, "/events", limit=limit, after=after, type=type_, provider=provider, stream=stream)
    if json_:
        print_json(found)
        return
    for event in found["items"]:
        console().print(_event_line(event))


@click.command()
@as_json
@limit
@click.option("--stream", help="Only of this stream.")
@pass_session
@guarded
def failovers(session: Session, json_: bool, limit: int, stream: str | None) -> None:
    """Show the latest of the failover log, the newest last. It has every change of a stream's provider."""
    found = _latest(session.api, "/failovers", limit=limit, stream=stream)
    if json_:
        print_json(found)
        return
    for each in found["items"]:
        move = f"{each['from'] or 'none'} -> {each['to'] or 'none'}"
        detected = f", detected in {_seconds(each['seconds'])}" if each["seconds"] is not None else ""
        status = f" ({each['status']}{detected}): {each['reason']}"
        console().print(Text.assemble(each["time"], f" {each['stream']} ", (move, "bold"), status))


COMMANDS = (status, events, failovers)
