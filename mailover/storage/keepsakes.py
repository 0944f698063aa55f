"""Small things kept by name: tokens made at run time, answers to repeated calls, notes. Scopes are not checked here."""

import hashlib
import json
from datetime import datetime, timedelta

import sqlalchemy as sa

from mailover.errors import RefusedError
from mailover.storage.database import insert_new, upsert
from mailover.storage.store import Remembered, StoredToken
from mailover.storage.tables import answers, notes, tokens

REMEMBERED_FOR = timedelta(hours=24)


def all_tokens(connection: sa.Connection) -> tuple[StoredToken, ...]:
    """By name."""
    return tuple(
        StoredToken(name=row.name, sha256=row.sha256, scopes=tuple(row.scopes.split()), created_at=row.created_at)
        for row in connection.execute(sa.select(tokens).order_by(tokens.c.name))
    )


def add_token(connection: sa.Connection, token: StoredToken) -> None:
    """Raises RefusedError when the name is taken."""
    values = {"sha256": token.sha256, "scopes": " ".join(token.scopes), "created_at": token.created_at}
    if not insert_new(connection, tokens, {"name": token.name, **values}):
        raise RefusedError(f"there already is a token called {token.name!r}")


def revoke_token(connection: sa.Connection, name: str) -> bool:
    """Whether there was one."""
    return connection.execute(sa.delete(tokens).where(tokens.c.name == name)).rowcount == 1


def remember(connection: sa.Connection, key: str, token: str, answer: Remembered, at: datetime) -> None:
    """Keep the first answer, and forget those past their time."""
    connection.execute(sa.delete(answers).where(answers.c.at < at - REMEMBERED_FOR))
    values = {"digest": answer.digest, "status": answer.status, "body": answer.body, "at": at}
    insert_new(connection, answers, {"key": _fingerprint(key), "token": token, **values})


def recall(connection: sa.Connection, key: str, token: str, now: datetime) -> Remembered | None:
    """The answer, unless it is past its time."""
    mine = sa.and_(answers.c.key == _fingerprint(key), answers.c.token == token, answers.c.at >= now - REMEMBERED_FOR)
    row = connection.execute(sa.select(answers).where(mine)).one_or_none()
    return None if row is None else Remembered(digest=row.digest, status=row.status, body=bytes(row.body))


def note(connection: sa.Connection, key: str) -> object:
    """A note's value, None when there is none."""
    body = connection.execute(sa.select(notes.c.body).where(notes.c.key == key)).scalar_one_or_none()
    return None if body is None else json.loads(body)


def set_note(connection: sa.Connection, key: str, value: object) -> None:
    """Replace a note; None removes it."""
    if value is None:
        connection.execute(sa.delete(notes).where(notes.c.key == key))
        return
    upsert(connection, notes, {"key": key, "body": json.dumps(value)})


def _fingerprint(key: str) -> str:
    """A caller's key may hold anything at any length; its hash may be stored."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
