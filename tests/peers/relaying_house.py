"""A house with a relay and one stream, whose providers are mail servers that nobody here wrote."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mailover.bootstrap import House, assemble
from mailover.config import build

Account = Mapping[str, object]


@contextmanager
def relaying(directory: Path, accounts: Mapping[str, Account]) -> Iterator[House]:
    said = {
        "server": {"listen": "127.0.0.1:0"},
        "storage": {"url": f"sqlite:///{directory / 'mailover.db'}"},
        "providers": accounts,
        "streams": {"mail": {"providers": list(accounts)}},
        "relay": {"listen": "127.0.0.1:0"},
    }
    house = assemble(build(said, {}))
    house.start()
    try:
        yield house
    finally:
        house.stop()
