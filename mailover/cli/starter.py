"""The config file that `config init` writes: small, complete, and commented where a choice was made for the reader."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from dns_checks.catalogue import catalogue, dns_facts

REGION = "{region}"
"""Stands in the host of a provider that has another one in each region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One provider that the operator chose from the catalogue. None: the preset knows it, or it is still `missing`."""

    preset: str
    host: str | None = None
    region: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def password_file(self) -> Path:
        """Where the password is, relative to the config."""
        return Path("secrets", self.preset)

    @property
    def missing(self) -> list[str]:
        """The keys without which the config is refused."""
        entry = catalogue()[self.preset]
        host = entry.smtp[0].host
        wanted = {
            "host": self.host is None and not host,
            "region": self.region is None and REGION in host,
            "username": self.username is None and entry.username is None,
        }
        return [key for key, wants in wanted.items() if wants]


def starter_config(choices: list[Choice], sender: str) -> str:
    """The file's text: these providers in this order, one stream through all of them."""
    accounts = "\n".join(_account(choice, sender) for choice in choices)
    order = ", ".join(_quoted(choice.preset) for choice in choices)
    return f"""\
# mailover's config. Every other key, with its default and its reason, is in config.example.toml.

[server]
listen = "127.0.0.1:8587"  # on another address a table such as [tokens.app] is required

[storage]
url = "sqlite:///mailover.db"

{accounts}
[streams.transactional]
providers = [{order}]  # best first
"""


def _account(choice: Choice, sender: str) -> str:
    lines = [f"[providers.{choice.preset}]", f"preset = {_quoted(choice.preset)}"]
    for key in ("host", "region", "username"):
        value = getattr(choice, key)
        if value is not None:
            lines.append(f"{key} = {_quoted(value)}")
        elif key in choice.missing:
            lines.append(f"# {key} = ...  # {_expected(choice.preset, key)}")
    lines += [f"password_file = {_quoted(str(choice.password_file))}", f"from = {_quoted(sender)}"]
    return "\n".join(lines) + "\n"


def _expected(preset: str, key: str) -> str:
    if key == "region":
        return f"one of {', '.join(catalogue()[preset].smtp[0].regions)}"
    return str(dns_facts(preset).get(f"{key}_hint", "to be filled in"))


def _quoted(text: str) -> str:
    """A basic string of TOML; JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False)
