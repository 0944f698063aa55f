"""A house on loopback whose flag real mail systems follow: two fake providers, and what the adapters are."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from mailover.bootstrap import House, assemble
from mailover.config import build
from mailover.core.commands import PinProvider
from mailover.demo.behaviour import Delivered
from mailover.demo.provider import Provider

NAMES = ("first", "second")
PATIENCE = 30.0


def until(holds: Callable[[], bool], what: str = "it") -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"{what} never came true"
        time.sleep(0.02)


@dataclass
class Followed:
    """The house, its providers, and who was given which mail."""

    house: House
    providers: Mapping[str, Provider]
    delivered: list[Delivered] = field(default_factory=list)

    @property
    def passwords(self) -> dict[int, str]:
        return {each.port: f"{each.username}:{each.password}" for each in self.providers.values()}

    def pin(self, provider: str) -> None:
        """Move the flag, and return when it is published."""
        service = self.house.service
        until_ = service.clock.now() + timedelta(hours=1)
        service.order(PinProvider(stream="mail", provider=provider, until=until_, reason="a test", by="test"))

    def carriers(self, recipient: str) -> list[str]:
        """Who delivered mail to this address, in order."""
        return [each.provider for each in tuple(self.delivered) if recipient in each.recipients]

    def await_mail(self, recipient: str, count: int = 1) -> list[str]:
        until(lambda: len(self.carriers(recipient)) >= count, f"mail for {recipient}")
        return self.carriers(recipient)


@contextmanager
def followed(
    folder: Path,
    ca_file: str,
    adapters: Mapping[str, object],
    *,
    probes: str = "1h",
    tokens: Mapping[str, object] | None = None,
    **stream: object,
) -> Iterator[Followed]:
    """The house runs until the block is left; `probes` is how often it looks by itself, `stream` what its stream is."""
    delivered: list[Delivered] = []
    providers = {name: Provider(name, sink=delivered.append) for name in NAMES}
    for each in providers.values():
        each.start()
    document = {
        "server": {"listen": "127.0.0.1:0"},
        "storage": {"url": f"sqlite:///{folder}/mailover.db"},
        "providers": {
            name: {
                "host": "127.0.0.1",
                "port": each.port,
                "ca_file": ca_file,
                "username": each.username,
                "password": each.password,
                "from": "app@apps.example.test",
            }
            for name, each in providers.items()
        },
        "streams": {"mail": {"providers": list(NAMES), **stream}},
        "probes": {"port_interval": probes, "login_interval": "1h", "deadline": "2s", "slow": "1s"},
        "breaker": {"failback_after": "0s"},
        "adapters": adapters,
        "tokens": tokens or {},
    }
    house = assemble(build(document, {}))
    try:
        house.start()
        until(lambda: _seen(house), "a good probe of each provider")
        yield Followed(house=house, providers=providers, delivered=delivered)
    finally:
        house.stop()
        for each in providers.values():
            each.stop()


def _seen(house: House) -> bool:
    return all(breaker.ok_at is not None for breaker in house.service.snapshot.fleet.breakers.values())
