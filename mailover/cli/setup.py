"""Commands for whoever sets mailover up: config check, init, show; tokens; the database."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from mailover.cli import asking
from mailover.cli.session import USAGE, Session, as_json, fail, guarded, pass_session, print_json
from mailover.cli.starter import Choice, starter_config
from mailover.clock import SystemClock
from mailover.config import Settings
from mailover.config.outlets import Scope
from mailover.config.showing import show as show_settings
from mailover.config.showing import warnings
from mailover.core.events import rfc3339
from mailover.errors import ConfigError
from mailover.storage.sql import SqlStore, open_store
from webhooks.auth import new_secret
from webhooks.auth import token as made_token


@click.group()
def config() -> None:
    """Check, write and show the config."""


@config.command(name="check")
@as_json
@pass_session
@guarded
def check_config(session: Session, json_: bool) -> None:
    """Check the config; list every problem at once. Exit code 2 when there is one."""
    try:
        settings = session.settings
    except ConfigError as error:
        if json_:
            print_json({"ok": False, "problems": error.problems, "warnings": []})
            raise SystemExit(USAGE) from error
        raise
    told = list(warnings(settings, session.path))
    if json_:
        print_json({"ok": True, "problems": [], "warnings": told})
        return
    for warning in told:
        click.secho(f"warning: {warning}", fg="yellow", err=True)
    click.echo(f"{session.path} is fine: {_counted(settings)}")


def _counted(settings: Settings) -> str:
    counts = (("provider", settings.providers), ("stream", settings.streams), ("token", settings.tokens))
    return ", ".join(f"{len(each)} {word}{'' if len(each) == 1 else 's'}" for word, each in counts)


@config.command()
@pass_session
@guarded
def show(session: Session) -> None:
    """Show the config that is in effect, secrets masked. Presets, profile and environment are applied."""
    click.echo(show_settings(session.settings), nl=False)


@config.command()
@click.option(
    "--provider",
    "words",
    multiple=True,
    metavar="PRESET",
    help="A provider of the catalogue, best first; may be repeated. Without any you are asked.",
)
@click.option("--from", "sender", help="The From address of your mail.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("config.toml"), show_default=True)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@guarded
def init(words: tuple[str, ...], sender: str | None, output: Path, force: bool) -> None:
    """Write a config file, from the catalogue and your answers. Passwords go to files beside it."""
    if output.exists() and not force:
        fail(f"{output} exists; --force overwrites it", code=USAGE)
    asks = sys.stdin.isatty()
    if not words and not asks:
        fail("name your providers, as in: mailover config init --provider postmark --provider sendgrid", code=USAGE)
    presets = asking.presets(words) if words else asking.ask_presets()
    sender = asking.mailbox(sender or "noreply@example.com") if sender or not asks else asking.ask_mailbox()
    choices = [asking.ask_account(id_) if asks else Choice(preset=id_) for id_ in presets]
    for choice in choices:
        if choice.password is not None:
            _write_private(output.parent / choice.password_file, choice.password + "\n")
    _write_private(output, starter_config(choices, sender))
    click.echo(f"wrote {output}; next: mailover config check, mailover check, mailover run")
    for choice in choices:
        if choice.missing:
            click.echo(f"fill in {' and '.join(choice.missing)} of {choice.preset} in {output}")
        if choice.password is None:
            click.echo(f"put the password of {choice.preset} into {output.parent / choice.password_file}")


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _store(session: Session) -> SqlStore:
    return open_store(session.settings.storage.url.reveal())


@click.group()
def token() -> None:
    """Make, list and revoke API tokens."""


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([str(scope) for scope in Scope]),
    help="What the caller may do; may be repeated.",
)
@pass_session
@guarded
def create(session: Session, name: str, scopes: tuple[str, ...]) -> None:
    """Make a token called NAME and show it, this once. It works at once, without a restart."""
    if name in session.settings.tokens:
        fail(f"the config has a token called {name} already", code=USAGE)
    secret = new_secret()
    made = made_token(name, secret, scopes)
    store = _store(session)
    try:
        store.add_token(made.name, made.sha256.hex(), sorted(made.scopes), SystemClock().now())
    finally:
        store.close()
    click.echo(secret)
    click.echo(f"{name} may {', '.join(scopes)}; only its SHA-256 is kept, so note it now", err=True)


@token.command(name="list")
@as_json
@pass_session
@guarded
def list_tokens(session: Session, json_: bool) -> None:
    """List the tokens, of the config and made here; never their secrets."""
    store = _store(session)
    try:
        made = store.tokens()
    finally:
        store.close()
    told: list[dict[str, Any]] = [
        {"name": name, "scopes": [str(s) for s in each.scopes], "source": "config", "created_at": None}
        for name, each in session.settings.tokens.items()
    ]
    told += [
        {"name": t.name, "scopes": list(t.scopes), "source": "store", "created_at": rfc3339(t.created_at)} for t in made
    ]
    if json_:
        print_json(told)
        return
    for each in told:
        click.echo(f"{each['name']}: {', '.join(each['scopes'])} ({each['source']})")


@token.command()
@click.argument("name")
@pass_session
@guarded
def revoke(session: Session, name: str) -> None:
    """Revoke a token made here. One of the config is revoked by taking it out of the config."""
    store = _store(session)
    try:
        found = store.revoke_token(name)
    finally:
        store.close()
    if not found:
        fail(f"no token called {name} was made here", code=USAGE)
    click.echo(f"{name} is revoked")


@click.group()
def db() -> None:
    """Look after the store."""


@db.command()
@pass_session
@guarded
def upgrade(session: Session) -> None:
    """Bring the store's schema up to date. A SQLite file is backed up first; `run` does the same at its start."""
    _store(session).close()
    click.echo("the store is up to date")


COMMANDS = (config, token, db)
