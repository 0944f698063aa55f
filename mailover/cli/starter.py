"""The config file that `config init` writes: small, complete, and commented where a choice was made for the reader."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One provider that the operator chose from the catalogue."""

    preset: str
    username: str | None = None
    """None when the preset fixes it."""
    password: str | None = field(default=None, repr=False)
    """None when it is still to be put into its file."""

    @property
    def password_file(self) -> Path:
        """Where the password is, relative to the config."""
        return Path("secrets", self.preset)


def starter_config(choices: list[Choice], sender: str) -> str:
    """The file's text: these providers in this order, one stream through all of them."""
    accounts = "\n".join(_account(choice, sender) for choice in choices)
    order = ", ".join(f'"{choice.preset}"' for choice in choices)
    return f"""\
# mailover's config. Every other key, with its default and its reason, is in config.example.toml.

[server]
listen = "127.0.0.1:8587"  # on another address tokens are required: mailover token create

[storage]
url = "sqlite:///mailover.db"

{accounts}
[streams.transactional]
providers = [{order}]  # best first
"""


def _account(choice: Choice, sender: str) -> str:
    username = f'username = "{choice.username}"\n' if choice.username else ""
    return f"""\
[providers.{choice.preset}]
preset = "{choice.preset}"
{username}password_file = "{choice.password_file}"
from = "{sender}"
"""
