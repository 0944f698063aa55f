"""The two databases every promise of the store is checked on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import Postgres, find_postgres

from mailover.storage.sql import SqlStore, open_store


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres | None]:
    """A real server, or None where there is none to be had."""
    with find_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres | None) -> Iterator[str]:
    """A database of this test's own."""
    if postgres is None:
        sentence = "no PostgreSQL was found: `make peers` installs it, or MAILOVER_TEST_PG_URL names one"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)
    with postgres.database() as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/mailover.db"


@pytest.fixture(params=["sqlite_url", "postgres_url"], ids=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Where a store may be opened, once per kind of database."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    opened = open_store(url)
    yield opened
    opened.close()
