"""The command that plays mailover to somebody who has just found it: demo."""

import click

from mailover.cli.session import OK, UNHEALTHY
from mailover.demo.command import run_demo


@click.command()
@click.option("--manual", is_flag=True, help="Break and heal the providers yourself.")
def demo(manual: bool) -> None:
    """Watch mailover work: three local providers, the agent, its API; one provider breaks and comes back."""
    raise SystemExit(OK if run_demo(manual=manual) else UNHEALTHY)


COMMANDS = (demo,)
