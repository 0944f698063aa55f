"""The command that sends a test message through the relay and watches it on its way: send."""

import time
from email.message import EmailMessage
from typing import Any, BinaryIO

import click
from rich.text import Text

from mailover.cli.api import Api
from mailover.cli.outbox import outcome
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

_GLANCE = 0.2


@click.command()
@click.argument("recipient")
@click.option("--from", "sender", help="The From address. Default: that of the stream's active provider.")
@click.option("--stream", help="The stream. Default: the default stream.")
@click.option("--subject", default="A test message of mailover", show_default=True)
@click.option("--file", type=click.File("rb"), help="Send this RFC 5322 message instead; - for standard input.")
@click.option(
    "--for", "patience", type=click.FloatRange(1, 3600), default=60.0, show_default=True, help="Seconds to watch it."
)
@as_json
@pass_session
@guarded
def send(
    session: Session,
    recipient: str,
    sender: str | None,
    stream: str | None,
    subject: str,
    file: BinaryIO | None,
    patience: float,
    json_: bool,
) -> None:
    """Send a test message through the relay and watch it. Exit code 1 unless a provider takes it."""
    api = session.api
    content = file.read() if file is not None else _test_message(api, recipient, sender, stream, subject)
    kept = session.sending_api.submit(content, stream=stream, to=recipient, sender=sender)
    if not json_:
        click.echo(f"{kept['id']} is kept, and on its way")
    message = _watch(api, kept["id"], patience, quiet=json_)
    if json_:
        print_json(message)
    raise SystemExit(OK if all(each["state"] == "delivered" for each in message["recipients"]) else UNHEALTHY)


def _test_message(api: Api, recipient: str, sender: str | None, stream: str | None, subject: str) -> bytes:
    if sender is None:
        sender = api.get(f"/active-provider/{stream}" if stream else "/active-provider")["from"]
    if sender is None:
        fail("no From address is known; give --from", code=USAGE)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message.set_content("This message was sent by `mailover send`, to see whether mail arrives.\n")
    return message.as_bytes()


def _watch(api: Api, message_id: str, patience: float, *, quiet: bool) -> dict[str, Any]:
    """The message once nobody waits any more, or as it is when patience ends; each change told as it comes."""
    ends_at, told = time.monotonic() + patience, ""
    while True:
        message: dict[str, Any] = api.get(f"/messages/{message_id}")
        news = outcome(message)
        if news != told and not quiet:
            console().print(Text(news))
        told = news
        if all(each["state"] != "queued" for each in message["recipients"]) or time.monotonic() > ends_at:
            return message
        time.sleep(_GLANCE)


COMMANDS = (send,)
