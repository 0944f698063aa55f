"""Certificates are fetched once, and few at a time."""

import threading

import pytest

from mailover.fetching import NotFetchedError
from webhooks.feedback.remembering import Remembering


def test_each_file_is_asked_for_once_and_the_oldest_forgotten() -> None:
    asked: list[str] = []

    def fetch(host: str, path: str) -> bytes:
        asked.append(path)
        return f"{host}{path}".encode()

    remembering = Remembering(fetch)
    for _ in range(3):
        assert [remembering("h", f"/{n}") for n in range(16)] == [f"h/{n}".encode() for n in range(16)]
    assert len(asked) == 16
    remembering("h", "/16")
    remembering("h", "/0")
    assert asked[-2:] == ["/16", "/0"]


def test_what_failed_is_asked_for_again() -> None:
    answers: list[bytes | None] = [None, b"file"]

    def fetch(_host: str, _path: str) -> bytes:
        answer = answers.pop(0)
        if answer is None:
            raise NotFetchedError("h: no answer")
        return answer

    remembering = Remembering(fetch)
    with pytest.raises(NotFetchedError):
        remembering("h", "/x")
    assert remembering("h", "/x") == b"file"


def test_a_third_at_the_same_time_has_to_come_again() -> None:
    held, entered = threading.Event(), threading.Semaphore(0)

    def fetch(_host: str, _path: str) -> bytes:
        entered.release()
        held.wait(60)
        return b"file"

    remembering = Remembering(fetch)
    threads = [threading.Thread(target=remembering, args=("h", f"/{n}")) for n in range(2)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert entered.acquire(timeout=60)
    with pytest.raises(NotFetchedError, match="others are being asked for"):
        remembering("h", "/3")
    held.set()
    for thread in threads:
        thread.join()
    assert remembering("h", "/3") == b"file"
