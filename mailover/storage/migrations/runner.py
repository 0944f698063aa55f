"""Alembic, driven from inside the program: no ini file, no command line, the caller's connection and transaction."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def known(migrations: Path) -> frozenset[str]:
    """Every revision in this history."""
    return frozenset(script.revision for script in ScriptDirectory(str(migrations)).walk_revisions())


def run(connection: sa.Connection, migrations: Path, target: str) -> None:
    """Upgrade within the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)
