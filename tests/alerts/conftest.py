"""A store, a clock and a Slack for every test that tells people something."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_clock import FakeClock
from fake_slack import FakeSlack
from happenings import Happen

from mailover.storage.sql import SqlStore, open_store


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(f"sqlite:///{tmp_path}/mailover.db")
    yield opened
    opened.close()


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack().serving() as server:
        yield server


@pytest.fixture
def happen(store: SqlStore) -> Happen:
    return Happen(store)
