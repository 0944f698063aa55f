"""Server-sent events, on both servers: what was missed, then what is new."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import requests
from api_house import SECRETS, Api, House

from webhooks import edge, events


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One event as a client reads it."""

    id: str
    event: str
    data: dict[str, object]
    retry: str | None


class Stream:
    """A client of the event stream, as the standard reads it: blocks end with a blank line, colons begin comments."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self.comments = 0
        self._lines: Iterator[bytes] = response.iter_lines(chunk_size=1)

    def begin(self) -> None:
        """Read what says that the stream is open."""
        assert next(self._lines).startswith(b":")

    def next(self) -> Frame:
        """The next event; raises StopIteration at the end of the stream."""
        fields: dict[str, str] = {}
        while True:
            line = next(self._lines).decode()
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                return Frame(
                    id=fields["id"], event=fields["event"], data=json.loads(fields["data"]), retry=fields.get("retry")
                )


@contextmanager
def listening(api: Api, query: str = "", last: str | None = None) -> Iterator[Stream]:
    headers = {"Authorization": f"Bearer {SECRETS['read']}", "Accept": "text/event-stream"}
    if last is not None:
        headers["Last-Event-ID"] = last
    with requests.get(f"{api.url}/v1/events{query}", headers=headers, stream=True, timeout=30) as response:
        yield Stream(response)


def ids(api: Api) -> list[str]:
    return [each["id"] for each in api.get("/v1/events?limit=500").json()["items"]]


def test_the_stream_is_not_buffered_on_its_way(api: Api) -> None:
    with listening(api) as stream:
        headers = stream.response.headers
        assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert headers["Cache-Control"] == "no-cache, no-transform"
        assert headers["X-Accel-Buffering"] == "no"


def test_a_new_client_hears_what_is_new(api: Api, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    with listening(api) as stream:
        house.fail("postmark")
        first, second = stream.next(), stream.next()
    listed = {each["id"]: each for each in api.get("/v1/events").json()["items"]}
    assert first.data == listed[first.id]
    assert first.event == first.data["type"]
    assert (first.retry, second.retry) == ("2000", None)
    assert {"provider.opened", "failover.happened"} & {first.event, second.event}


def test_a_client_that_comes_back_misses_nothing(api: Api, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    house.fail("postmark")
    known = ids(api)
    with listening(api, last=known[0]) as stream:
        assert [stream.next().id for _ in known[1:]] == known[1:]
        house.fail("sendgrid")
        later = [stream.next().id]
        house.service.ask()
        more = ids(api)[len(known) :]
        later += [stream.next().id for _ in more[1:]]
        assert later == more


def test_an_id_that_was_pruned_stands_before_everything(api: Api, house: House) -> None:
    house.fail("postmark")
    known = ids(api)
    with listening(api, last="long-gone") as stream:
        assert [stream.next().id for _ in known] == known


def test_a_client_may_choose(api: Api, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    with listening(api, "?type=failover.happened&stream=transactional") as stream:
        house.fail("postmark")
        assert stream.next().event == "failover.happened"
    assert api.get("/v1/events?type=nonsense", headers={"Accept": "text/event-stream"}).status_code == 422


def test_silence_is_kept_alive(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (edge, events):
        monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)
        monkeypatch.setattr(module, "LIFETIME_SECONDS", 0.3)
    with listening(api) as stream:
        with pytest.raises(StopIteration):
            stream.next()
        assert stream.comments >= 3


def test_a_stream_gives_its_seat_back(api: Api, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    others = 99
    for _ in range(others):
        assert house.parts.room.enter()
    with listening(api) as stream:
        stream.begin()
        assert house.parts.room.seated == others + 1
        with listening(api) as refused:
            assert refused.response.status_code == 503
            assert refused.response.headers["Retry-After"] == "5"
    deadline = time.monotonic() + 20
    while house.parts.room.seated != others and time.monotonic() < deadline:
        time.sleep(0.02)
    assert house.parts.room.seated == others


def test_pages_are_for_who_asks_for_anything(api: Api) -> None:
    assert "items" in api.get("/v1/events", headers={"Accept": "*/*"}).json()
    assert api.call("HEAD", "/v1/events", headers={"Accept": "text/event-stream"}).status_code == 200
