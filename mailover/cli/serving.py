"""Commands that stay: run (the agent) and demo."""

import logging
import os
import signal
import sys

import click

from mailover import bootstrap
from mailover.cli.session import OK, UNHEALTHY, Session, guarded, pass_session
from mailover.config import load
from mailover.config.showing import warnings
from mailover.demo.command import run_demo
from mailover.process import allow_many_files


@click.command()
@click.option("--log-level", type=click.Choice(["debug", "info", "warning"]), default="info", show_default=True)
@pass_session
@guarded
def run(session: Session, log_level: str) -> None:
    """Run the agent and its API with the config, until SIGTERM or Ctrl-C."""
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(OK))  # until the server takes it over
    allow_many_files()
    settings = session.settings
    for warning in warnings(settings, session.path):
        logging.getLogger("mailover.config").warning("%s", warning)
    bootstrap.assemble(settings).run(lambda: load(session.path, os.environ))


@click.command()
@click.option("--manual", is_flag=True, help="Break and heal the providers yourself.")
def demo(manual: bool) -> None:
    """Watch mailover work: three local providers, the agent, its API; one provider breaks and comes back."""
    raise SystemExit(OK if run_demo(manual=manual) else UNHEALTHY)


COMMANDS = (run, demo)
