"""The `mailover` command: one file per group of commands. Everything it can do over the API, anybody can."""

from importlib import import_module
from pathlib import Path

import click

from mailover.cli.session import Session

_WHERE = {
    "run": "serving",
    "demo": "showing",
    "status": "looking",
    "check": "probing",
    "explain": "explaining",
    "pin": "operating",
    "unpin": "operating",
    "switch": "operating",
    "failback": "operating",
    "providers": "operating",
    "streams": "operating",
    "events": "looking",
    "failovers": "looking",
    "send": "sending",
    "outbox": "outbox",
    "suppressions": "suppressions",
    "dns": "dns",
    "webhooks": "webhooks",
    "config": "setup",
    "token": "setup",
    "db": "setup",
}
"""Each command's file, the commands in the order in which people need them."""


class _Commands(click.Group):
    """Reads a command's file when that command is wanted: most need little of what the agent needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, most needed first."""
        return list(_WHERE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name."""
        if cmd_name not in _WHERE:
            return None
        commands: tuple[click.Command, ...] = import_module(f"mailover.cli.{_WHERE[cmd_name]}").COMMANDS
        return next(command for command in commands if command.name == cmd_name)


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
