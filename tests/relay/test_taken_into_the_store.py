"""From a client's first word to a row in a real store, and what is said when the store has no room."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from intakes.house import MESSAGE, IntakeHouse, intake_house

from mailover.storage.sql import SqlStore, open_store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mail.db"


@pytest.fixture
def store(file: Path) -> Iterator[SqlStore]:
    opened = open_store(f"sqlite:///{file}")
    yield opened
    opened.close()


@pytest.fixture
def house(store: SqlStore) -> Iterator[IntakeHouse]:
    with intake_house(store=store) as built:
        yield built


def test_what_was_acknowledged_is_read_by_somebody_else(house: IntakeHouse, file: Path) -> None:
    with house.wire() as wire:
        mail_id = wire.hello().hand_over().rpartition(" ")[2]
        with closing(open_store(f"sqlite:///{file}")) as other:
            mail = other.mail.mail(mail_id)
            content = other.mail.content(mail_id)
    assert mail is not None
    assert content is not None
    assert content.endswith(MESSAGE)
    assert mail.size == len(content)


def test_many_sessions_at_once_lose_nothing_and_double_nothing(house: IntakeHouse, store: SqlStore) -> None:
    def session(number: int) -> list[str]:
        with house.wire() as wire:
            wire.hello()
            named = [b"Message-ID: <%d.%d@app.test>\r\n" % (number, n) for n in range(20)]
            return [wire.hand_over(name + MESSAGE).rpartition(" ")[2] for name in named]

    with ThreadPoolExecutor(8) as pool:
        acknowledged = [mail_id for each in pool.map(session, range(8)) for mail_id in each]
    assert len(set(acknowledged)) == 160
    assert all(store.mail.content(mail_id) is not None for mail_id in acknowledged)
    assert store.mail.depths()["transactional"].queued == 160
    assert {mail.id for mail in house.accepted} == set(acknowledged)


def test_a_message_sent_again_is_kept_once(house: IntakeHouse, store: SqlStore) -> None:
    named = b"Message-ID: <1@app.test>\r\n" + MESSAGE
    with house.wire() as wire:
        assert wire.hello().hand_over(named) == wire.hand_over(named)
    assert store.mail.depths()["transactional"].queued == 1
    assert len(house.accepted) == 1


def test_a_store_without_room_takes_nothing_and_says_so(house: IntakeHouse, store: SqlStore) -> None:
    with store._database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one() + 4
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    large = MESSAGE + 1000 * (70 * b"x" + b"\r\n")
    with house.wire() as wire:
        assert wire.hello().hand_over(large) == "452 4.3.1 No room to keep the message, try again later"
        with store._database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1000000")
        assert wire.hand_over(large).startswith("250")
    assert len(house.accepted) == 1
