"""Commands that change the running agent's mind: pin, unpin, switch, failback, enable, disable, order."""

import math
from datetime import timedelta
from typing import Any

import click

from mailover.cli.looking import providers, stream_table
from mailover.cli.session import Session, as_json, console, guarded, pass_session, print_json
from mailover.config.durations import parse_duration

_SWITCH_MINUTES = 60

of_stream = click.option("--stream", help="The stream. Default: the default stream.")


class _Span(click.ParamType[timedelta]):
    """A duration as in the config: "30m", "2h"."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The duration, or click's usage error."""
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _stream(session: Session, given: str | None) -> str:
    if given is not None:
        return given
    return str(next(s["stream"] for s in session.api.get("/streams")["items"] if s["default"]))


def _show(answer: dict[str, Any], *, json_: bool) -> None:
    print_json(answer) if json_ else console().print(stream_table([answer]))


def _pin(session: Session, stream: str | None, provider: str, minutes: int, reason: str, *, json_: bool) -> None:
    body = {"provider": provider, "minutes": minutes, "reason": reason}
    _show(session.api.send("PUT", f"/streams/{_stream(session, stream)}/pin", body), json_=json_)


@click.command()
@click.argument("provider")
@of_stream
@click.option("--for", "span", type=_Span(), default="1h", show_default=True, help='How long, as in "30m" or "2h".')
@click.option("--reason", default="", help="Why; shown in every answer and alert.")
@as_json
@pass_session
@guarded
def pin(session: Session, provider: str, stream: str | None, span: timedelta, reason: str, json_: bool) -> None:
    """Hold a stream's flag on PROVIDER for a while. Automation may not undo it."""
    minutes = max(1, math.ceil(span.total_seconds() / 60))
    _pin(session, stream, provider, minutes, reason, json_=json_)


@click.command()
@click.argument("provider")
@of_stream
@click.option("--reason", default="switched by hand", help="Why; shown in every answer and alert.")
@as_json
@pass_session
@guarded
def switch(session: Session, provider: str, stream: str | None, reason: str, json_: bool) -> None:
    """Switch a stream to PROVIDER now: a pin of one hour."""
    _pin(session, stream, provider, _SWITCH_MINUTES, reason, json_=json_)


@click.command()
@of_stream
@as_json
@pass_session
@guarded
def unpin(session: Session, stream: str | None, json_: bool) -> None:
    """End a stream's pin; automation decides again."""
    _show(session.api.send("DELETE", f"/streams/{_stream(session, stream)}/pin"), json_=json_)


@click.command()
@of_stream
@as_json
@pass_session
@guarded
def failback(session: Session, stream: str | None, json_: bool) -> None:
    """Return a stream to its best healthy provider now. It does not wait for the hold."""
    _show(session.api.send("POST", f"/streams/{_stream(session, stream)}/failback"), json_=json_)


def _set_enabled(session: Session, name: str, *, enabled: bool) -> None:
    told = session.api.send("PATCH", f"/providers/{name}", {"enabled": enabled})
    click.echo(f"{told['name']} is {told['health'] if enabled else 'disabled'}")


@providers.command()
@click.argument("name")
@pass_session
@guarded
def enable(session: Session, name: str) -> None:
    """Let a provider be probed and used again."""
    _set_enabled(session, name, enabled=True)


@providers.command()
@click.argument("name")
@pass_session
@guarded
def disable(session: Session, name: str) -> None:
    """Take a provider out: not probed, never active."""
    _set_enabled(session, name, enabled=False)


@click.group()
def streams() -> None:
    """List streams and change their order."""


@streams.command(name="list")
@as_json
@pass_session
@guarded
def list_streams(session: Session, json_: bool) -> None:
    """List the streams with what their flags say."""
    found = session.api.get("/streams")["items"]
    print_json(found) if json_ else console().print(stream_table(found))


@streams.command()
@click.argument("stream")
@click.argument("names", nargs=-1, required=True, metavar="PROVIDER...")
@as_json
@pass_session
@guarded
def order(session: Session, stream: str, names: tuple[str, ...], json_: bool) -> None:
    """Give STREAM another order of providers, best first. It outlives restarts."""
    _show(session.api.send("PUT", f"/streams/{stream}/order", {"providers": list(names)}), json_=json_)


COMMANDS = (pin, unpin, switch, failback, providers, streams)
