"""Commands that look after the addresses that get no mail any more: suppressions."""

from typing import Any
from urllib.parse import quote

import click

from mailover.cli.session import Session, as_json, guarded, pass_session, print_json


@click.group()
def suppressions() -> None:
    """List, add and remove addresses that get no mail any more."""


@suppressions.command(name="list")
@as_json
@pass_session
@guarded
def list_suppressions(session: Session, json_: bool) -> None:
    """List every address with the reason, who told it, and since when."""
    found = session.api.items("/suppressions")
    if json_:
        print_json(list(found))
        return
    for each in found:
        click.echo(_line(each))


@suppressions.command()
@click.argument("address")
@click.option("--text", default="", help="Why, for whoever finds it there later.")
@pass_session
@guarded
def add(session: Session, address: str, text: str) -> None:
    """Send no more mail to ADDRESS, whichever provider would carry it. An earlier reason stays."""
    click.echo(_line(session.api.send("POST", "/suppressions", {"address": address, "text": text})))


@suppressions.command()
@click.argument("address")
@pass_session
@guarded
def remove(session: Session, address: str) -> None:
    """Let ADDRESS have mail again."""
    told = session.api.send("DELETE", f"/suppressions/{quote(address, safe='@')}")
    click.echo(f"{told['address']} gets mail again")


def _line(suppression: dict[str, Any]) -> str:
    by = f", told by {suppression['provider']}" if suppression["provider"] else ""
    why = f": {suppression['text']}" if suppression["text"] else ""
    return f"{suppression['address']} {suppression['reason']} since {suppression['since']}{by}{why}"


COMMANDS = (suppressions,)
