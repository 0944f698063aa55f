"""What `config init` wants to know, asked again until it fits. Nothing is written here, and no network is asked."""

from collections.abc import Sequence

import click
from pydantic import TypeAdapter, ValidationError

from dns_checks.catalogue import Submission, catalogue, dns_facts, find_entry
from mailover.cli.starter import REGION, Choice
from mailover.config.fields import Host, Mailbox
from mailover.config.problems import did_you_mean


def preset(word: str) -> str:
    """The catalogue's id of a provider that can be used. Raises click.BadParameter."""
    entry = find_entry(word)
    if entry is None:
        raise click.BadParameter(f"the catalogue has no {word!r}; {did_you_mean(word, usable())}")
    if not entry.smtp:
        raise click.BadParameter(f"{entry.id} takes no mail over SMTP, so mailover cannot use it")
    return entry.id


def presets(words: str | Sequence[str]) -> tuple[str, ...]:
    """Several, each once, in this order. Raises click.BadParameter."""
    given = words.replace(",", " ").split() if isinstance(words, str) else words
    return tuple(dict.fromkeys(preset(word) for word in given))


def usable() -> list[str]:
    """The ids of the providers that take mail over SMTP."""
    return [entry.id for entry in catalogue().values() if entry.smtp]


def mailbox(text: str) -> str:
    """One mail address. Raises click.BadParameter."""
    return _checked(TypeAdapter(Mailbox), text)


def ask_presets() -> tuple[str, ...]:
    """Which providers, best first."""
    click.echo(f"Providers in the catalogue: {', '.join(usable())}")
    asked: tuple[str, ...] = click.prompt("Yours, best first (separated by blanks)", value_proc=presets)
    return asked


def ask_mailbox() -> str:
    """Who the mail is from."""
    return str(click.prompt("From address of your mail", value_proc=mailbox))


def ask_account(id_: str) -> Choice:
    """Where it is and how to log in, as far as the catalogue does not know; with the catalogue's hints."""
    entry, facts = catalogue()[id_], dns_facts(id_)
    place = entry.smtp[0]
    host = region = None
    if not place.host:
        host = str(click.prompt(f"{id_}: host", value_proc=lambda text: _checked(TypeAdapter(Host), text)))
    elif REGION in place.host:
        region = str(click.prompt(f"{id_}: region", value_proc=lambda text: _region(place, text)))
    username = entry.username or str(click.prompt(f"{id_}: user name{_hint(facts.get('username_hint'))}"))
    password = str(click.prompt(f"{id_}: password{_hint(facts.get('password_hint'))}", hide_input=True))
    return Choice(
        preset=id_, host=host, region=region, username=None if entry.username else username, password=password
    )


def _hint(hint: str | None) -> str:
    return f" ({hint})" if hint else ""


def _region(place: Submission, text: str) -> str:
    if text not in place.regions:
        raise click.BadParameter(f"unknown region; {did_you_mean(text, place.regions)}")
    return text


def _checked(adapter: TypeAdapter[str], text: str) -> str:
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        raise click.BadParameter(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
