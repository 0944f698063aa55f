"""A reload takes the new config whole, or leaves everything as it was."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mailover.bootstrap import House, assemble
from mailover.config import Settings, build
from mailover.demo.provider import Provider
from mailover.errors import ConfigError


@pytest.fixture
def providers() -> Iterator[dict[str, Provider]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Provider(name)) for name in ("first", "second", "third")}


class Configs:
    """Configs over the same database and port."""

    def __init__(self, directory: Path, providers: dict[str, Provider], ca_file: str) -> None:
        self._directory = directory
        self._providers = providers
        self._ca_file = ca_file

    def naming(self, *names: str, listen: str = "127.0.0.1:0", **tables: object) -> Settings:
        accounts = {
            name: {
                "host": self._providers[name].host,
                "port": self._providers[name].port,
                "username": self._providers[name].username,
                "password": self._providers[name].password,
                "ca_file": self._ca_file,
            }
            for name in names
        }
        document = {
            "server": {"listen": listen},
            "storage": {"url": f"sqlite:///{self._directory}/mailover.db"},
            "providers": accounts,
            "streams": {"mail": {"providers": list(names)}},
            **tables,
        }
        return build(document, {})


@pytest.fixture
def configs(tmp_path: Path, providers: dict[str, Provider], ca_file: str) -> Configs:
    return Configs(tmp_path, providers, ca_file)


@pytest.fixture
def house(configs: Configs) -> Iterator[House]:
    built = assemble(configs.naming("first", "second"))
    built.start()
    yield built
    built.stop()


def order(house: House) -> list[str]:
    house.service.ask()
    flag = house.service.snapshot.flags["mail"].flag
    return [*filter(None, [flag.provider]), *flag.fallbacks]


def test_a_new_provider_is_watched_and_one_that_is_gone_leaves_the_flag(house: House, configs: Configs) -> None:
    assert order(house) == ["first", "second"]
    house.reload(configs.naming("third", "second"))
    assert order(house) == ["third", "second"]
    assert set(house.service.snapshot.fleet.breakers) == {"second", "third"}


def test_what_cannot_change_while_running_is_refused_and_nothing_else_changes(house: House, configs: Configs) -> None:
    with pytest.raises(ConfigError, match=r"server.listen: cannot change while mailover runs; restart it"):
        house.reload(configs.naming("third", listen="127.0.0.1:1"))
    assert order(house) == ["first", "second"]


def test_a_mailbox_port_that_is_taken_keeps_the_old_config_running(
    house: House, configs: Configs, providers: dict[str, Provider]
) -> None:
    taken = providers["first"].port
    trip = {"to": "probe@example.com", "mailbox": "smtp", "smtp": {"listen": f"127.0.0.1:{taken}"}}
    with pytest.raises(ConfigError, match=r"round_trip.smtp.listen: .* cannot be used"):
        house.reload(configs.naming("third", round_trip=trip))
    assert order(house) == ["first", "second"]
    assert house.agent.check("second", ["port"])[0].ok  # type: ignore[list-item]
