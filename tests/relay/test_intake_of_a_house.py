"""Taking mail in the whole house: what an operator changes in the config holds without anybody being cut off."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from intakes.house import TOKEN, Wire

from mailover.bootstrap import House, assemble
from mailover.config import build
from mailover.config.settings import Settings
from mailover.demo.authority import Authority
from mailover.demo.scene import free_port
from mailover.errors import ConfigError

ANOTHER = "mlo_" + 40 * "n"


class Operator:
    """Who writes the config."""

    def __init__(self, room: Path, authority: Authority) -> None:
        self.room = room
        self.authority = authority
        self.port = free_port()
        self.nobody = free_port()
        self.renew("first")

    def renew(self, name: str) -> None:
        place = self.room / name
        place.mkdir()
        self.certificate, self.key = self.authority.write_server(place, "localhost")

    def settings(self, token: str, **relay: Any) -> Settings:
        provider = {"host": "127.0.0.1", "port": self.nobody, "from": "a@example.com"}
        return build(
            {
                "server": {"listen": "127.0.0.1:0"},
                "storage": {"url": f"sqlite:///{self.room}/mail.db"},
                "tokens": {"app": {"token": token, "scopes": ["send"]}},
                "providers": {"a": provider},
                "streams": {"transactional": {"providers": ["a"]}},
                "relay": {
                    "listen": f"127.0.0.1:{self.port}",
                    "require_login": True,
                    "certificate_file": str(self.certificate),
                    "key_file": str(self.key),
                    **relay,
                },
            },
            {},
        )


@pytest.fixture
def operator(tmp_path: Path, authority: Authority) -> Operator:
    return Operator(tmp_path, authority)


@pytest.fixture
def house(operator: Operator) -> Iterator[House]:
    built = assemble(operator.settings(TOKEN))
    built.start()
    yield built
    built.stop()


def secured(operator: Operator) -> tuple[Wire, object]:
    wire = Wire(operator.port).hello()
    assert wire.ask(b"STARTTLS\r\n").startswith("220")
    wire.secure(operator.authority.client_context())
    return wire.hello(), wire.socket.getpeercert()["serialNumber"]  # type: ignore[attr-defined]


def test_a_renewed_certificate_and_another_token_drop_no_session(house: House, operator: Operator) -> None:
    before, first = secured(operator)
    assert before.log_in().startswith("235")
    operator.renew("second")
    house.reload(operator.settings(ANOTHER))
    after, second = secured(operator)
    assert first != second
    assert after.log_in().startswith("535")
    assert after.log_in(password=ANOTHER).startswith("235")
    for wire in (before, after):
        with wire:
            assert wire.hand_over().startswith("250")
    assert house.store.mail.depths()["transactional"].queued == 2


def test_a_certificate_that_cannot_be_used_changes_nothing(house: House, operator: Operator) -> None:
    operator.key.write_text("no key\n", encoding="ascii")
    with pytest.raises(ConfigError, match=r"relay\.certificate_file: cannot be used"):
        house.reload(operator.settings(ANOTHER))
    wire, _ = secured(operator)
    with wire:
        assert wire.log_in().startswith("235")
        assert wire.hand_over().startswith("250")


def test_limits_hold_from_the_next_session_on(house: House, operator: Operator) -> None:
    house.reload(operator.settings(TOKEN, limits={"message_bytes": 65_536}))
    wire, _ = secured(operator)
    with wire:
        assert wire.log_in().startswith("235")
        assert wire.hand_over(70_000 * b"x" + b"\r\n").startswith("552")


def test_a_house_that_stops_tells_its_clients(operator: Operator) -> None:
    house = assemble(operator.settings(TOKEN))
    house.start()
    wire, _ = secured(operator)
    house.stop()
    with wire:
        assert wire.rest() == ["421 4.3.2 Shutting down, try again later"]
