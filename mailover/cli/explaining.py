"""The command that needs no agent and no config: explain, which says what a reply means."""

import json
import sys

import click
from rich.text import Text

from mailover.cli.session import USAGE, as_json, console, fail, guarded, print_json
from mailover.core.explain import explain as explain_reply
from mailover.core.explain import read_stage
from mailover.core.observations import Stage


@click.command()
@click.option(
    "--stage",
    default=str(Stage.END_DATA),
    show_default=True,
    help=f"Where in the dialogue it was said: {', '.join(Stage)}, or dsn for a bounce.",
)
@click.option("--stdin", "from_stdin", is_flag=True, help="Read lines of stage<TAB>reply, write one JSON line each.")
@as_json
@click.argument("reply", required=False)
@guarded
def explain(stage: str, from_stdin: bool, json_: bool, reply: str | None) -> None:
    """Say what an SMTP REPLY means and whose fault it is. Also what mailover does about it.

    \b
    mailover explain --stage rcpt "550 5.7.1 Relaying denied"
    """  # noqa: D301 - click's mark for "keep these lines"
    if from_stdin:
        for line in sys.stdin:
            if line.strip():
                click.echo(json.dumps(_explain_line(line.rstrip("\r\n")), ensure_ascii=False))
        return
    if reply is None:
        fail('give a reply in quotes, as in: mailover explain --stage auth "535 5.7.8 Bad credentials"', code=USAGE)
    try:
        told = explain_reply(read_stage(stage), reply)
    except ValueError as error:
        fail(str(error), code=USAGE)
    if json_:
        print_json(told.as_json())
        return
    moves = "may move its breaker" if told.moves_breaker else "never moves a breaker"
    screen = console()
    screen.print(Text.assemble((str(told.kind), "bold"), f" (owner: {told.owner}; {moves})"))
    screen.print(Text(told.because))


def _explain_line(line: str) -> dict[str, object]:
    stage, _, reply = line.partition("\t")
    try:
        return explain_reply(read_stage(stage), reply).as_json()
    except ValueError as error:
        return {"error": str(error)}


COMMANDS = (explain,)
