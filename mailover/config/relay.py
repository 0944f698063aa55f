"""The table about the relay: where it takes mail, what it allows, how it keeps and carries it.

Shape only; nothing connects here.
"""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from mailover.config.delivery import DeliverySettings
from mailover.config.fields import Address, EhloName, HiddenText, Listen, Name, ReadableFile, Table
from mailover.config.intake import LimitsSettings, ListenerSettings, ListenTls
from mailover.secrets import Secret
from mailover.storage.sealing import key_of


def _listed(value: object) -> object:
    """A list of keys, or a text (as a secret's file has it) with one on each line."""
    text = value.reveal() if isinstance(value, Secret) else value
    return tuple(text.split()) if isinstance(text, str) else value


def _keys(keys: tuple[Secret, ...]) -> tuple[Secret, ...]:
    for key in keys:
        key_of(key.reveal())
    return keys


SealingKeys = Annotated[tuple[HiddenText, ...], BeforeValidator(_listed), AfterValidator(_keys)]


class RelaySettings(Table):
    """The relay: submission for applications that cannot read a flag."""

    listen: Listen = Address(host="127.0.0.1", port=2525)
    """Where the relay listens; other than loopback needs a certificate and tokens with scope send."""
    tls: ListenTls = ListenTls.STARTTLS
    """How the certificate is used: offered by STARTTLS, or TLS from the first byte."""
    certificate_file: ReadableFile | None = None
    """PEM file with the relay's certificate chain."""
    key_file: ReadableFile | None = None
    """PEM file with the certificate's key."""
    require_login: bool = False
    """Whether clients log in on loopback too; elsewhere they always do."""
    hostname: EhloName = "mailover"
    """What the relay calls itself in its greeting and in Received; never asked from DNS."""
    trace_clients: bool = False
    """Whether Received names the client's address and what it called itself."""
    limits: LimitsSettings = LimitsSettings()
    """What clients may take of the relay."""
    encryption_key: SealingKeys = ()
    """Seals the text of mail in the store; several to change it: the first seals, all of them open."""
    encryption_key_file: Path | None = None
    """File that holds them, one on each line."""
    delivery: DeliverySettings = DeliverySettings()
    """How mail is carried to the providers."""
    listeners: dict[Name, ListenerSettings] = Field(default_factory=dict)
    """More places where it listens."""

    @field_validator("key_file")
    @classmethod
    def _comes_with_its_certificate(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        if "certificate_file" in info.data and (key is None) != (info.data["certificate_file"] is None):
            raise ValueError("belongs together with certificate_file; give both or none")
        return key

    @property
    def encrypted(self) -> bool:
        """Whether the relay can offer TLS."""
        return self.certificate_file is not None
