"""Tokens, remembered answers and notes, on both databases."""

import pytest
from samples import NOON, at

from mailover.errors import RefusedError
from mailover.storage.store import Remembered, Store, StoredToken

ANSWER = Remembered(digest="d1", status=200, body=b'{"ok": true}\x00\xff')
DAY = 24 * 3600


def test_a_token_is_kept_until_it_is_revoked(store: Store) -> None:
    store.add_token("n8n", "ab" * 32, ("read", "operate"), NOON)
    store.add_token("app", "cd" * 32, ("report",), at(1))
    assert store.tokens() == (
        StoredToken(name="app", sha256="cd" * 32, scopes=("report",), created_at=at(1)),
        StoredToken(name="n8n", sha256="ab" * 32, scopes=("read", "operate"), created_at=NOON),
    )
    assert store.revoke_token("app")
    assert not store.revoke_token("app")
    assert [t.name for t in store.tokens()] == ["n8n"]


def test_a_tokens_name_is_taken_once(store: Store) -> None:
    store.add_token("app", "ab" * 32, ("read",), NOON)
    with pytest.raises(RefusedError, match="already is a token called 'app'"):
        store.add_token("app", "cd" * 32, ("operate",), NOON)
    assert store.tokens()[0].sha256 == "ab" * 32


def test_the_first_answer_is_remembered_for_a_day(store: Store) -> None:
    store.remember("key", "app", ANSWER, NOON)
    store.remember("key", "app", Remembered(digest="d2", status=500, body=b""), at(1))
    assert store.recall("key", "app", at(DAY)) == ANSWER
    assert store.recall("key", "app", at(DAY + 1)) is None
    assert store.recall("key", "another token", NOON) is None
    assert store.recall("another key", "app", NOON) is None


def test_a_key_may_be_used_anew_after_a_day(store: Store) -> None:
    store.remember("key", "app", ANSWER, NOON)
    later = Remembered(digest="d2", status=200, body=b"")
    store.remember("key", "app", later, at(DAY + 1))
    assert store.recall("key", "app", at(DAY + 1)) == later


@pytest.mark.parametrize("key", ["", "\0", "\ud800", "x" * 100_000])
def test_any_key_can_be_remembered(store: Store, key: str) -> None:
    store.remember(key, "app", ANSWER, NOON)
    assert store.recall(key, "app", NOON) == ANSWER


def test_a_note_is_found_again_until_it_is_removed(store: Store) -> None:
    store.set_note("slack/inc_1", {"ts": "1.2", "channel": "C1"})
    store.set_note("slack/inc_1", {"ts": "3.4", "channel": "C1"})
    assert store.note("slack/inc_1") == {"ts": "3.4", "channel": "C1"}
    store.set_note("slack/inc_1", None)
    assert store.note("slack/inc_1") is None
