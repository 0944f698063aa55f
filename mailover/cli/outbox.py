"""Commands that look after the mail that the relay has accepted: outbox."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from rich.console import Group
from rich.table import Table
from rich.text import Text

from mailover.cli.api import Api, ProblemError
from mailover.cli.session import (
    OK,
    UNHEALTHY,
    USAGE,
    Session,
    as_json,
    console,
    fail,
    guarded,
    pass_session,
    print_json,
)
from mailover.errors import UnavailableError

_COLOURS = {"delivered": "green", "queued": "yellow", "logged": "cyan"}
_STATES = ("queued", "delivered", "ambiguous", "failed", "expired", "suppressed", "dropped", "logged")
_LATE = 60.0
"""Seconds: mail that waits longer than this is trouble."""

chosen_state = click.option("--state", type=click.Choice(_STATES), help="Only where some recipient's copy is so.")
of_stream = click.option("--stream", help="Only of this stream.")


@click.group()
def outbox() -> None:
    """Look after the mail that the relay has accepted."""


@outbox.command(name="list")
@of_stream
@chosen_state
@click.option("--to", "recipient", help="Only to this address.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many at most.")
@as_json
@pass_session
@guarded
def list_outbox(
    session: Session, stream: str | None, state: str | None, recipient: str | None, limit: int, json_: bool
) -> None:
    """Show what waits in each stream, and the latest messages. Exit code 1 when mail is late or needs a decision."""
    api = session.api
    depths = [each for each in api.get("/outbox")["items"] if stream in {None, each["stream"]}]
    choice = {"stream": stream, "state": state, "recipient": recipient}
    found = api.get("/messages", limit=limit, newest="true", **choice)["items"][::-1]
    if json_:
        print_json({"streams": depths, "messages": found})
    else:
        console().print(Group(_depths(depths), "", *(_line(each) for each in found)))
    late = any(each["queued"] and (each["oldest_age_seconds"] or 0) > _LATE and not each["paused"] for each in depths)
    raise SystemExit(UNHEALTHY if late or any(each["ambiguous"] for each in depths) else OK)


@outbox.command()
@click.argument("message")
@as_json
@pass_session
@guarded
def show(session: Session, message: str, json_: bool) -> None:
    """Show what became of MESSAGE, recipient by recipient."""
    found = session.api.get(f"/messages/{message}")
    print_json(found) if json_ else console().print(Group(*_story(found)))


@outbox.command()
@click.argument("messages", nargs=-1, metavar="[MESSAGE]...")
@chosen_state
@of_stream
@pass_session
@guarded
def retry(session: Session, messages: tuple[str, ...], state: str | None, stream: str | None) -> None:
    """Try MESSAGEs now, ambiguous ones for the second time. Or all that --state and --stream choose."""
    ids = _chosen(session.api, messages, state, stream)
    _each(ids, lambda each: session.api.send("POST", f"/messages/{each}/retry"), "tried again")


@outbox.command()
@click.argument("messages", nargs=-1, metavar="[MESSAGE]...")
@chosen_state
@of_stream
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
@guarded
def drop(session: Session, messages: tuple[str, ...], state: str | None, stream: str | None, yes: bool) -> None:
    """Send MESSAGEs to nobody any more and delete their content. Or all that --state and --stream choose."""
    ids = _chosen(session.api, messages, state, stream)
    if ids and not yes:
        click.confirm(f"Drop {_messages(len(ids))} for good?", abort=True)
    _each(ids, lambda each: session.api.send("DELETE", f"/messages/{each}"), "dropped")


@outbox.command()
@click.argument("messages", nargs=-1, metavar="[MESSAGE]...")
@chosen_state
@of_stream
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder.")
@pass_session
@guarded
def export(session: Session, messages: tuple[str, ...], state: str | None, stream: str | None, folder: Path) -> None:
    """Write the content of MESSAGEs to files that end in .eml. Or of all that --state and --stream choose."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = _chosen(session.api, messages, state, stream)

    def write(message: str) -> None:
        content = session.api.raw(f"/messages/{message}/content")
        file = folder / f"{message}.eml"
        file.touch(mode=0o600)
        file.write_bytes(content)

    _each(ids, write, f"written to {folder}")


@outbox.command()
@click.argument("stream")
@pass_session
@guarded
def pause(session: Session, stream: str) -> None:
    """Accept the mail of STREAM and send none of it. It is kept until the pause ends."""
    told = session.api.send("PUT", f"/outbox/{stream}/pause")
    click.echo(f"{stream} is paused, {_messages(told['queued'])} waiting")


@outbox.command()
@click.argument("stream")
@pass_session
@guarded
def resume(session: Session, stream: str) -> None:
    """End the pause of STREAM; what waits is sent."""
    told = session.api.send("DELETE", f"/outbox/{stream}/pause")
    click.echo(f"{stream} goes on, {_messages(told['queued'])} on the way")


@outbox.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
@guarded
def erase(session: Session, address: str, yes: bool) -> None:
    """Forget the person with this ADDRESS. What waits for them is dropped, and no record names them any more."""
    if not yes:
        click.confirm(f"Forget {address} for good?", abort=True)
    told = session.api.send("DELETE", f"/recipients/{quote(address, safe='@')}")
    click.echo(f"{told['address']} is forgotten, {_messages(told['messages'])} changed")


def _chosen(api: Api, messages: tuple[str, ...], state: str | None, stream: str | None) -> list[str]:
    """The ids that were named, or all that the options choose."""
    if messages and (state or stream):
        fail("give ids, or --state and --stream, not both", code=USAGE)
    if messages or not (state or stream):
        return list(messages) or fail("give ids, or choose by --state and --stream", code=USAGE)
    return [each["id"] for each in api.items("/messages", state=state, stream=stream)]


def _each(ids: list[str], act: Callable[[str], object], done: str) -> None:
    """Do it to each, with a bar on a terminal where there are many. One that cannot be done stops no other."""
    refused: list[str] = []
    with click.progressbar(ids, hidden=len(ids) < 10 or not sys.stderr.isatty(), file=sys.stderr) as bar:  # noqa: PLR2004 - a glance
        for each in bar:
            try:
                act(each)
            except (ProblemError, UnavailableError) as error:
                if len(ids) == 1:
                    raise
                refused.append(f"{each}: {error}")
    click.echo(f"{_messages(len(ids) - len(refused))} {done}")
    if refused:
        fail(f"{_messages(len(refused))} passed over:", *refused, code=UNHEALTHY)


def _messages(count: int) -> str:
    return f"{count} message{'' if count == 1 else 's'}"


def _depths(depths: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("stream", "queued", "oldest", "bytes", "ambiguous", "dead letters", "state"):
        table.add_column(column)
    for each in depths:
        age = each["oldest_age_seconds"]
        state = Text("paused", style="yellow") if each["paused"] else Text("goes", style="green")
        figures = (
            each["queued"],
            "-" if age is None else f"{age:.0f} s",
            each["bytes"],
            each["ambiguous"],
            each["failed"],
        )
        table.add_row(each["stream"], *(str(figure) for figure in figures), state)
    return table


def _line(message: dict[str, Any]) -> Text:
    return Text(f"{message['accepted']} {message['id']} {message['stream']}: {outcome(message)}")


def outcome(message: dict[str, Any]) -> str:
    """What became of a message, in a line."""
    return "; ".join(_copy(message, each) for each in message["recipients"])


def _copy(message: dict[str, Any], copy: dict[str, Any]) -> str:
    """One recipient in a line: what became of the copy, and why."""
    told = f"{copy['address']} {copy['state']}"
    if copy["state"] == "delivered":
        return f"{told}, taken by {copy['provider']}"
    failure = copy["failure"]
    if copy["state"] == "queued" and message["because"]:
        return f"{told}: {message['because']}"
    return f"{told} ({copy['provider']}: {failure['text']})" if failure else told


def _story(message: dict[str, Any]) -> list[Text]:
    head = f"{message['id']} of {message['stream']}, {message['size_bytes']} bytes, accepted {message['accepted']}"
    lines = [Text(head, style="bold"), Text(f"from {message['sender'] or '<>'}, {message['message_id']}")]
    if message["deadline"]:
        lines.append(Text(f"worth sending until {message['deadline']}"))
    if message["next_try"]:
        lines.append(Text(f"tried again at {message['next_try']}"))
    copies = message["recipients"]
    return [*lines, *(Text(_copy(message, each), style=_COLOURS.get(each["state"], "red")) for each in copies)]


COMMANDS = (outbox,)
