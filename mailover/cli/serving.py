"""The command that stays: run, the agent. Nothing is read here that a running agent does not need."""

import logging
import os
import signal
import sys

import click

from mailover import bootstrap
from mailover.cli.session import OK, Session, guarded, pass_session
from mailover.config import load
from mailover.config.showing import warnings
from mailover.process import allow_many_files


@click.command()
@click.option("--log-level", type=click.Choice(["debug", "info", "warning"]), default="info", show_default=True)
@pass_session
@guarded
def run(session: Session, log_level: str) -> None:
    """Run the agent, its API and its relay with the config. SIGTERM or Ctrl-C ends it, SIGHUP reads the config anew."""
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


COMMANDS = (run,)
