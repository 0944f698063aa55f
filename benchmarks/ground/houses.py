"""A house on loopback: fake providers that can be broken, and the whole agent that watches them.

How it is broken and what is measured is each script's business.
"""

import logging
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailover.bootstrap import House, assemble
from mailover.config import build
from mailover.core.decide import Decision
from mailover.core.fleet import Flag
from mailover.demo.authority import Authority
from mailover.demo.provider import Provider
from mailover.service import Snapshot

NAMES = ("first", "second", "third")
LEADING = "first-00"
"""The first account at the first provider; it leads the default stream."""
PATIENCE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What can be broken, and who watches it."""

    house: House
    providers: Mapping[str, Provider]
    authority: Authority
    """Whom to trust for the providers' certificates."""

    @property
    def flag(self) -> Flag:
        """What the default stream's readers get at this moment."""
        snapshot = self.house.service.snapshot
        return snapshot.flags[snapshot.default_stream].flag

    @property
    def address(self) -> str:
        """Host and port of the API."""
        return self.house.api.url.removeprefix("http://")

    def departures(self) -> dict[str, float]:
        """Fills by itself: when each stream's flag first left the first provider."""
        left: dict[str, float] = {}

        def hear(snapshot: Snapshot, _decision: Decision) -> None:
            for name, published in snapshot.flags.items():
                if not (published.flag.provider or "first").startswith("first"):
                    left.setdefault(name, time.monotonic())

        self.house.service.listen(hear)
        return left


@contextmanager
def scene(probes: Mapping[str, str], accounts: int = 1) -> Iterator[Scene]:
    """Three providers, each seen to be healthy; `probes` are the config's. The log is silent, what breaks is known.

    With several `accounts` at the first provider each leads a stream of its own, and each is probed at its own phase.
    """
    logging.disable(logging.CRITICAL)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        authority = Authority()
        ca_file = authority.write(folder / "ca.pem")
        providers = {name: stack.enter_context(Provider(name, authority=authority)) for name in NAMES}
        house = assemble(build(_document(folder, providers, ca_file, accounts, probes), {}))
        stack.callback(house.stop)
        house.start()
        until = time.monotonic() + PATIENCE
        while any(each.ok_at is None for each in house.service.snapshot.fleet.breakers.values()):
            assert time.monotonic() < until, "the providers were never seen to be healthy"
            time.sleep(0.01)
        yield Scene(house=house, providers=providers, authority=authority)


def _document(
    folder: Path, providers: Mapping[str, Provider], ca_file: str, accounts: int, probes: Mapping[str, str]
) -> dict[str, object]:
    leading = [f"first-{n:02d}" for n in range(accounts)]
    spares = [name for name in providers if name != "first"]
    watched = dict.fromkeys(leading, providers["first"]) | {name: providers[name] for name in spares}
    return {
        "server": {"listen": "127.0.0.1:0"},
        "storage": {"url": f"sqlite:///{folder}/house.db"},
        "providers": {
            name: {
                "host": each.host,
                "port": each.port,
                "username": each.username,
                "password": each.password,
                "ca_file": ca_file,
                "from": "noreply@example.com",
            }
            for name, each in watched.items()
        },
        "streams": {name.replace("first", "mail"): {"providers": [name, *spares]} for name in leading},
        "probes": dict(probes),
    }
