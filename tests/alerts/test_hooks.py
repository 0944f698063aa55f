"""One attempt: what the receiver gets, how it verifies it, and where no request goes."""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from itertools import chain, repeat
from pathlib import Path

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from fake_clock import FakeClock
from happenings import happening
from hook_receiver import HookReceiver, Reply
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from mailover.addresses import Reach
from mailover.alerts.hooks import AnsweredError, HookSender
from mailover.alerts.hooks_signing import signature
from mailover.alerts.posting import Poster
from mailover.alerts.transport import DeliveryError
from mailover.clock import SystemClock
from mailover.resolve import Outcome, Resolution
from mailover.secrets import Secret
from mailover.storage.roster import Hook, new_signing_secret

EVENT = happening(1, because="Größe überschritten ✉")


@pytest.fixture
def receiver() -> Iterator[HookReceiver]:
    with HookReceiver().serving() as server:
        yield server


def hook(url: str, **more: object) -> Hook:
    chosen = {"secret": new_signing_secret(), "reach": Reach(private=True)} | more
    return Hook(name="ticketing", url=url, **chosen)


def send(to: Hook, *, poster: Poster | None = None) -> int:
    return HookSender("mailover/here", SystemClock(), poster).send(to, EVENT)


# -- what is sent -----------------------------------------------------------------------------------------------------


def test_the_library_of_standard_webhooks_accepts_the_request(receiver: HookReceiver) -> None:
    to = hook(receiver.url)
    assert send(to) == 200
    (request,) = receiver.requests
    told = Webhook(to.secret.reveal()).verify(request.body.decode(), request.headers)
    assert told == json.loads(request.body) == EVENT.body("mailover/here")
    assert request.headers["webhook-id"] == request.headers["idempotency-key"] == EVENT.id


def test_while_a_secret_is_replaced_receivers_with_either_accept_it(receiver: HookReceiver) -> None:
    to = hook(receiver.url, old_secret=new_signing_secret())
    send(to)
    (request,) = receiver.requests
    for secret in (to.secret, to.old_secret):
        assert Webhook(secret.reveal()).verify(request.body.decode(), request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_signing_secret().reveal()).verify(request.body.decode(), request.headers)


def test_an_old_secret_signs_no_longer_than_its_time(receiver: HookReceiver) -> None:
    until = SystemClock().now() - timedelta(seconds=1)
    send(hook(receiver.url, old_secret=new_signing_secret(), old_secret_until=until))
    assert len(receiver.requests[0].headers["webhook-signature"].split()) == 1


def test_a_changed_body_is_not_accepted(receiver: HookReceiver) -> None:
    to = hook(receiver.url)
    send(to)
    (request,) = receiver.requests
    with pytest.raises(WebhookVerificationError):
        Webhook(to.secret.reveal()).verify(request.body.decode().replace("ses", "sex"), request.headers)


def test_each_attempt_is_signed_for_its_own_time() -> None:
    secret = Secret("whsec_" + base64.b64encode(b"x" * 24).decode())
    assert signature("evt_1", 1, b"{}", [secret]) != signature("evt_1", 2, b"{}", [secret])


def test_the_body_is_a_cloud_event(receiver: HookReceiver) -> None:
    send(hook(receiver.url))
    (request,) = receiver.requests
    assert request.headers["content-type"] == "application/json"
    told = from_structured(HTTPMessage(headers=request.headers, body=request.body), JSONFormat())
    assert (told.get_id(), told.get_type(), told.get_source()) == (EVENT.id, "failover.happened", "mailover/here")
    assert told.get_subject() == "stream/s1"
    assert told.get_time() == EVENT.at


def test_a_fixed_header_is_sent_for_tools_that_cannot_verify(receiver: HookReceiver) -> None:
    send(hook(receiver.url, header=Secret("X-Token: abc:def")))
    assert receiver.requests[0].headers["x-token"] == "abc:def"


def test_neither_netrc_nor_proxies_of_the_environment_are_asked(
    receiver: HookReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("default login somebody password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    send(hook(receiver.url, header=Secret("Authorization: Bearer mine")))
    assert receiver.requests[0].headers["authorization"] == "Bearer mine"


def test_an_answer_that_claims_to_be_compressed_is_not_unpacked(receiver: HookReceiver) -> None:
    receiver.always = Reply(status=200, headers={"Content-Encoding": "gzip"})
    assert send(hook(receiver.url)) == 200
    assert receiver.requests[0].headers["accept-encoding"] == "identity"


# -- what an answer means ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_two_hundred_is_success(receiver: HookReceiver, status: int) -> None:
    receiver.always = Reply(status=status)
    assert send(hook(receiver.url)) == status


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 422, 429, 500, 502, 503])
def test_any_other_answer_is_tried_again(receiver: HookReceiver, status: int) -> None:
    receiver.always = Reply(status=status, headers={"Location": receiver.url, "Retry-After": "7"})
    with pytest.raises(AnsweredError, match=f"it answered {status}") as caught:
        send(hook(receiver.url))
    assert (caught.value.permanent, caught.value.gone) == (False, False)
    assert caught.value.retry_after == timedelta(seconds=7)
    assert len(receiver.requests) == 1


def test_gone_means_for_ever(receiver: HookReceiver) -> None:
    receiver.always = Reply(status=410)
    with pytest.raises(AnsweredError, match="410 Gone") as caught:
        send(hook(receiver.url))
    assert caught.value.gone


def test_a_receiver_that_hangs_is_left_at_its_deadline(receiver: HookReceiver) -> None:
    receiver.always = Reply(hang=True)
    with pytest.raises(DeliveryError, match=r"no answer from 127\.0\.0\.1: it took too long"):
        send(hook(receiver.url, timeout=timedelta(milliseconds=300)))


def test_an_error_holds_neither_secret_nor_path() -> None:
    to = hook("http://127.0.0.1:1/SECRET-PATH?token=SECRET", header=Secret("X-Token: SECRET-HEADER"))
    with pytest.raises(DeliveryError) as caught:
        send(to)
    assert "SECRET" not in f"{caught.value} {to!r}"
    assert to.secret.reveal() not in f"{caught.value} {to!r}"


# -- where no request goes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.1", "0x7f000001", "2130706433", "0", "0.0.0.0"],
)
def test_no_form_of_this_machine_is_dialled(receiver: HookReceiver, host: str) -> None:
    with pytest.raises(DeliveryError):
        send(hook(f"http://{host}:{receiver.port}/", reach=Reach()))
    assert receiver.requests == []


class Rebinding:
    """A name that is public when it is first asked for, and ours the next time."""

    def __init__(self) -> None:
        self.asked = 0

    async def resolve(self, host: str, *, within: float | None = None) -> Resolution:
        self.asked += 1
        return Resolution(outcome=Outcome.FOUND, addresses=("192.0.2.1",) if self.asked > 1 else ("127.0.0.1",))


def test_the_address_that_was_checked_is_the_one_that_is_dialled(receiver: HookReceiver) -> None:
    """Asked once only: between a check and a second question the name could have moved."""
    names = Rebinding()
    poster = Poster(resolver=names)  # type: ignore[arg-type] - it stands in for the resolver
    assert send(hook(f"http://tool.example:{receiver.port}/", reach=Reach(private=True)), poster=poster) == 200
    assert names.asked == 1
    with pytest.raises(DeliveryError, match=r"tool\.example is out of reach: its address is not public"):
        send(hook(f"http://tool.example:{receiver.port}/", reach=Reach()), poster=Poster(resolver=Rebinding()))  # type: ignore[arg-type]
    assert len(receiver.requests) == 1


def test_a_clock_that_stands_still_makes_no_difference(receiver: HookReceiver) -> None:
    to = replace(hook(receiver.url), timeout=timedelta(seconds=5))
    HookSender("mailover/here", FakeClock()).send(to, EVENT)
    assert receiver.requests[0].headers["webhook-timestamp"] == str(int(FakeClock().wall().timestamp()))


def test_the_page_shows_how_to_verify(receiver: HookReceiver) -> None:
    page = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
    shown: dict[str, Callable[[str, dict[str, str], bytes], bool]] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], shown)
    to = hook(receiver.url, old_secret=new_signing_secret())
    send(to)
    (request,) = receiver.requests
    for secret in (to.secret, to.old_secret):
        assert shown["verified"](secret.reveal(), request.headers, request.body)
    assert not shown["verified"](to.secret.reveal(), request.headers, request.body + b" ")
    assert not shown["verified"](new_signing_secret().reveal(), request.headers, request.body)


# -- receivers that mean no good --------------------------------------------------------------------------------------


@contextmanager
def saying(*pieces: bytes, pause: float = 0.0) -> Iterator[int]:
    """A server that says this to whoever connects, the last piece for ever; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with suppress(OSError), listener.accept()[0] as peer:
            peer.recv(65536)
            for piece in chain(pieces, repeat(pieces[-1])):
                peer.sendall(piece)
                time.sleep(pause)

    thread = threading.Thread(target=run)
    thread.start()
    yield listener.getsockname()[1]
    listener.close()
    thread.join(timeout=30)


def test_an_answer_that_drips_is_cut_at_the_deadline_and_counts_as_none() -> None:
    began = time.monotonic()
    with saying(b"HTTP/1.1 200 OK\r\nX: ", b"y", pause=0.05) as port, pytest.raises(DeliveryError, match="too long"):
        send(hook(f"http://127.0.0.1:{port}/", timeout=timedelta(milliseconds=500)))
    assert time.monotonic() - began < 5


def test_an_answer_without_end_is_read_no_further_than_its_limit() -> None:
    with saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", b"\0" * 65536) as port:
        assert send(hook(f"http://127.0.0.1:{port}/")) == 200
