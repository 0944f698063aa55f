"""The table about the relay: where it takes mail, what it allows, how it keeps and carries it.

Shape only; nothing connects here.
"""

from pathlib import Path

from pydantic import ValidationInfo, field_validator

from mailover.config.fields import Address, Listen, ReadableFile, Table


class RelaySettings(Table):
    """The relay: submission for applications that cannot read a flag."""

    listen: Listen = Address(host="127.0.0.1", port=2525)
    """Where the relay listens; other than loopback needs a certificate and tokens with scope send."""
    certificate_file: ReadableFile | None = None
    """PEM file with the relay's certificate chain."""
    key_file: ReadableFile | None = None
    """PEM file with the certificate's key."""

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
