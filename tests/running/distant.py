"""Fake providers at addresses of their own, whose certificates and accounts an agent in another network can use."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mailover.demo.authority import Authority
from mailover.demo.provider import Provider


class DistantProvider(Provider):
    """A provider that listens elsewhere than on loopback. Start it in its network."""

    def __init__(self, name: str, address: str, authority: Authority, port: int = 587) -> None:
        """Its certificate is good for its address and for `<name>.test`, from yesterday and for 90 days."""
        super().__init__(name, authority=authority, port=port)
        self.host = address
        now = datetime.now(UTC)
        issued = authority._authority.issue_cert(
            address, f"{name}.test", not_before=now - timedelta(days=1), not_after=now + timedelta(days=90)
        )
        self._context = authority.server_context(address)
        issued.configure_cert(self._context)


def accounts(providers: Sequence[Provider], ca_file: str, *, by_name: bool = False) -> Mapping[str, Mapping[str, Any]]:
    """The config's `providers`."""
    return {
        each.name: {
            "host": f"{each.name}.test" if by_name else each.host,
            "port": each.port,
            "username": each.username,
            "password": each.password,
            "ca_file": ca_file,
            "from": "noreply@example.com",
        }
        for each in providers
    }
