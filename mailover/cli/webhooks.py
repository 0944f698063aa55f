"""Commands that look after outgoing webhooks, those of the config and those registered over the API."""

import time
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from mailover.cli.api import Api
from mailover.cli.session import OK, UNHEALTHY, Session, as_json, console, guarded, pass_session, print_json

_PATIENCE = 10.0
"""Seconds that a test is waited for: one attempt and a first retry."""
_GLANCE = 0.2


@click.group()
def webhooks() -> None:
    """List, test and replay outgoing webhooks."""


@webhooks.command(name="list")
@as_json
@pass_session
@guarded
def list_webhooks(session: Session, json_: bool) -> None:
    """List every receiver with what waits for it. Exit code 1 when one is switched off or events were given up."""
    found = session.api.get("/subscriptions")["items"]
    print_json(found) if json_ else console().print(_table(found))
    raise SystemExit(OK if all(each["enabled"] and not each["given_up"] for each in found) else UNHEALTHY)


@webhooks.command(name="log")
@click.argument("name")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many at most.")
@as_json
@pass_session
@guarded
def show_log(session: Session, name: str, limit: int, json_: bool) -> None:
    """Show what was sent to NAME and what became of it, newest first."""
    found = session.api.get(f"/subscriptions/{name}/deliveries", limit=limit)["items"]
    if json_:
        print_json(found)
        return
    for each in found:
        console().print(Text(f"{each['time']} {each['type']} {each['event']}: {_outcome(each)}"))


@webhooks.command()
@click.argument("name")
@as_json
@pass_session
@guarded
def test(session: Session, name: str, json_: bool) -> None:
    """Send a test event to NAME and wait for its outcome. Exit code 1 unless it is taken."""
    event = session.api.send("POST", f"/subscriptions/{name}/test")["event"]
    line = _wait(session.api, name, event)
    print_json(line) if json_ else click.echo(f"{name}: {_outcome(line)}")
    raise SystemExit(OK if line["state"] == "delivered" else UNHEALTHY)


@webhooks.command()
@click.argument("name")
@click.argument("event", required=False)
@as_json
@pass_session
@guarded
def replay(session: Session, name: str, event: str | None, json_: bool) -> None:
    """Send EVENT to NAME anew, or all that were given up."""
    body = {"event": event} if event is not None else {}
    told = session.api.send("POST", f"/subscriptions/{name}/replay", body)
    print_json(told) if json_ else click.echo(f"{name}: {told['queued']} events are sent anew")


@webhooks.command()
@click.argument("name")
@pass_session
@guarded
def enable(session: Session, name: str) -> None:
    """Switch NAME on again after it answered 410. What waited for it is sent."""
    told = session.api.send("PATCH", f"/subscriptions/{name}", {"enabled": True})
    click.echo(f"{name} is on, {told['pending']} events wait for it")


def _wait(api: Api, name: str, event: str) -> dict[str, Any]:
    """The event's line of the delivery log, once it was tried, or as it is when patience ends."""
    ends_at = time.monotonic() + _PATIENCE
    while True:
        lines: list[dict[str, Any]] = api.get(f"/subscriptions/{name}/deliveries", limit=100)["items"]
        line = next((each for each in lines if each["event"] == event), None)
        if line is not None and (line["tried"] is not None or time.monotonic() > ends_at):
            return line
        if line is None:  # a one-shot subscription takes its log along
            return {"event": event, "state": "unknown", "failures": 0, "status": None, "last_error": None}
        time.sleep(_GLANCE)


def _outcome(line: dict[str, Any]) -> str:
    told = f"{line['state']} ({line['status']})" if line["status"] is not None else str(line["state"])
    if line["state"] != "delivered" and line["last_error"]:
        told += f" after {line['failures']} failures: {line['last_error']}"
    return told


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("webhook", "url", "events", "waiting", "given up", "state"):
        table.add_column(column, overflow="fold")
    for each in found:
        state = Text("on", style="green")
        if not each["enabled"]:
            state = Text(f"off since {each['disabled_at']}: {each['disabled_because']}", style="red")
        events = ", ".join(each["events"]) or "all"
        waiting, lost = str(each["pending"]), str(each["given_up"])
        table.add_row(each["id"], Text(each["url"]), events, waiting, lost, state)
    return table


COMMANDS = (webhooks,)
