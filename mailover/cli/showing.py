"""The command that plays mailover to somebody who has just found it: demo."""

import click

from mailover.cli.session import OK, UNHEALTHY
from mailover.demo.command import run_demo


@click.command()
@click.option("--manual", is_flag=True, help="Break and heal the providers yourself.")
def demo(manual: bool) -> None:
    """Watch mailover work with three providers of its own. One breaks and comes back, the flag moves, mail arrives."""
    raise SystemExit(OK if run_demo(manual=manual) else UNHEALTHY)


COMMANDS = (demo,)
