"""The `mailover` command: one file per group of commands. Everything it can do over the API, anybody can."""

from pathlib import Path

import click

from mailover.cli import looking, operating, probing, serving, setup
from mailover.cli.session import Session

_ORDER = (
    "run",
    "demo",
    "status",
    "check",
    "explain",
    "pin",
    "unpin",
    "switch",
    "failback",
    "providers",
    "streams",
    "events",
    "failovers",
    "config",
    "token",
    "db",
)


class _Commands(click.Group):
    """Lists its commands in the order in which people need them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, most needed first."""
        return sorted(super().list_commands(ctx), key=_ORDER.index)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="mailover")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The config file. Default: $MAILOVER_CONFIG, "
    "./config.toml, $XDG_CONFIG_HOME/mailover/config.toml, /etc/mailover/config.toml.",
)
@click.option("--url", envvar="MAILOVER_URL", help="The agent's address. Default: the config's [server] listen.")
@click.option(
    "--token",
    envvar="MAILOVER_TOKEN",
    help="The API token (better in $MAILOVER_TOKEN: arguments are "
    "visible to others). Default: one of the config's [tokens].",
)
@click.pass_context
def main(ctx: click.Context, config: Path | None, url: str | None, token: str | None) -> None:
    """Keep an application's mail flowing when one of its SMTP providers fails.

    Exit codes: 0 all well, 1 unhealthy, 2 wrong usage or config, 3 the agent cannot be reached.
    """
    ctx.obj = Session(config=config, url=url, token=token)


for _command in (*serving.COMMANDS, *looking.COMMANDS, *probing.COMMANDS, *operating.COMMANDS, *setup.COMMANDS):
    main.add_command(_command)
