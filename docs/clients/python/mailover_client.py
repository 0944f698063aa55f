"""Sends mail through the provider that mailover names, and through its fallbacks when that one fails.

One file, standard library only (Python 3.11), to be copied into an application. Make one `Mailover` per process and
stream and share it: any number of threads may use it, and it may be made before a fork. Two daemon threads, started at
its first use, follow the flag and hand over reports.

- Whatever mailover does, it delays one message at most, by `first_wait` seconds, and loses none: the last good answer
  holds, and before there is one the accounts are tried in the order in which they are given here.
- A provider that refuses, breaks off or dawdles is left for the next one. One that had the whole message and did not
  answer may have sent it: that is an `AmbiguousError`, and the message goes nowhere else.
- Credentials go to the hosts named here and to no other; the flag chooses among the accounts and cannot add one.
"""

import email.message
import http.client
import io
import json
import logging
import math
import os
import random
import re
import smtplib
import socket
import ssl
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, Literal, Self, cast
from urllib.parse import quote, urlsplit

_log = logging.getLogger("mailover_client")

WAIT = 30.0  # seconds that mailover is asked to hold its answer until something changes
LONGEST_PAUSE = 30.0  # seconds between attempts to reach it while it is away
REST = 30.0  # seconds for which a provider that failed is tried last, while mailover cannot be asked
REPORT_EVERY = 5.0  # seconds between reports of successes; a failure is told at once
REPORT_LASTS = 60.0  # seconds after which an outcome is not told any more: mailover's own probes know better by then
REPORTS_KEPT = 1000  # different outcomes that wait to be told; the oldest go first
REPORTS_A_CALL = 100
ANSWER_LIMIT = 256 * 1024  # bytes of one answer of mailover, and of all that a provider says in one dialogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Your account at one provider."""

    host: str
    port: int = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str | None = None
    password: str = field(default="", repr=False)
    context: ssl.SSLContext | None = None  # whom to trust; the system's authorities when left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a message at a provider, in the words of `POST /v1/reports`."""

    provider: str
    ok: bool = False
    stage: str | None = None
    code: int | None = None
    enhanced: str | None = None
    text: str = ""
    recipient_domain: str | None = None

    def __str__(self) -> str:
        reply = f"{self.code} {self.text}" if self.code else self.text
        return f"{self.provider}: {reply} ({self.stage})" if self.stage else f"{self.provider}: {reply}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message that a provider took."""

    provider: str
    refused: Mapping[str, tuple[int, bytes]]  # recipients that it did not take, as from `smtplib.SMTP.sendmail`
    failed: tuple[Outcome, ...]  # what the providers said that were tried before


class MailoverError(Exception):
    """A message that is not known to have been taken; `failed` says what each provider did."""

    def __init__(self, why: str, failed: Sequence[Outcome] = ()) -> None:
        super().__init__("; ".join([why, *map(str, failed)]))
        self.failed = tuple(failed)


class NotSentError(MailoverError):
    """No provider has it: it may be sent again."""


class HeldError(NotSentError):
    """mailover wants nothing to be sent now (`sending: false`): keep the message and try again later."""


class AmbiguousError(MailoverError):
    """The last provider tried may have it: sending it again may send it twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """What mailover said last about the stream."""

    order: tuple[str, ...]  # the active provider and its fallbacks
    weights: Mapping[str, float]
    sending: bool
    because: str
    epoch: int
    valid_until: float  # on the monotonic clock; the order is good beyond it, for want of a better one, a hold is not

    @property
    def fresh(self) -> bool:
        """Whether mailover still stands by it."""
        return time.monotonic() < self.valid_until

    @classmethod
    def read(cls, body: bytes, *, stale: bool) -> Self:
        """`stale`: the agent behind it has stopped deciding. Raises ValueError, also for a type that is not as told."""
        said = json.loads(body)
        weights = _part(said, "weights", dict)
        names = [_part(said, "provider", str, type(None)), *_part(said, "fallbacks", list)]
        shares = all(type(share) in {int, float} and 0 <= share <= 1 for share in weights.values())
        if not (shares and {type(name) for name in names} <= {str, type(None)}):
            raise ValueError("a fallback is no name, or a weight no share")
        valid_for = _part(said, "valid_for_seconds", int, float)
        return cls(
            order=tuple(dict.fromkeys(name for name in names if name)),
            weights=weights,
            sending=_part(said, "sending", bool),
            because=_part(said, "because", str),
            epoch=_part(said, "epoch", int),
            valid_until=time.monotonic() + (0 if stale else min(valid_for, 3600)),
        )


class Mailover:
    """The mail of one stream. Every method may be called from any thread."""

    def __init__(
        self,
        url: str,
        accounts: Mapping[str, Account],
        *,
        token: str | None = None,
        stream: str | None = None,
        patience: float = 10.0,
        answer_patience: float = 60.0,
        first_wait: float = 1.0,
    ) -> None:
        """`accounts` have the names that mailover knows them by, the best first, for when it cannot be asked.

        A provider has `patience` seconds until it wants the message, and `answer_patience` to take it.
        """
        if not accounts:
            raise ValueError("no accounts")
        self._agent = _Agent(url, token)
        self._path = f"/v1/active-provider/{quote(stream, safe='')}" if stream else "/v1/active-provider"
        self._accounts = dict(accounts)
        self._patience, self._answer_patience, self._first_wait = patience, answer_patience, first_wait
        self._flag: Flag | None = None
        self._failed_at: dict[str, float] = {}
        self._begin()
        _living.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, seconds: float = 2.0) -> None:
        """Follow no more, and hand over what is left to report, for so long at most."""
        self._closing.set()
        self._due.set()
        for thread, method in zip(self._threads, ("GET", "POST"), strict=False):
            if method == "POST":
                thread.join(seconds)
            self._agent.cut(method)
            thread.join(seconds)

    @property
    def flag(self) -> Flag | None:
        """What mailover said last; None if it never did. Waits for its first answer only, and not for long."""
        self._wake()
        if self._flag is None:
            self._asked.wait(self._first_wait)
        return self._flag

    def send_message(
        self, message: email.message.Message, from_addr: str | None = None, to_addrs: Sequence[str] | None = None
    ) -> Sent:
        """Send it; the arguments mean what they mean to `smtplib.SMTP.send_message`. Raises MailoverError."""
        flag = self.flag
        if flag is not None and flag.fresh and not flag.sending:
            raise HeldError(flag.because)
        failed: list[Outcome] = []
        for name in self._order(flag):
            refused, said = self._try(name, message, from_addr, to_addrs)
            if not said:
                raise ValueError("the message has no recipients")
            for outcome in said:
                if outcome.ok or outcome.stage:
                    self.report(outcome)
            if said[0].ok:
                return Sent(provider=name, refused=refused, failed=tuple(failed))
            failed += said
            if said[0].stage == "end_data" and said[0].code is None:  # it said neither yes nor no to the final dot
                raise AmbiguousError("it may have been sent", failed)
            if all(each.stage == "rcpt" and str(each.enhanced).startswith("5.1.") for each in said):
                raise NotSentError("nobody has such an address", failed)  # and no other provider will find it
        raise NotSentError("no provider took it", failed)

    def report(self, outcome: Outcome) -> None:
        """Tell mailover in good time, also of mail that went by other means. Never raises, never waits."""
        with self._lock:
            count, since = self._outcomes.pop(outcome, (0, time.monotonic()))
            self._outcomes[outcome] = (count + 1, since)
            if len(self._outcomes) > REPORTS_KEPT:
                del self._outcomes[next(iter(self._outcomes))]
        if not outcome.ok:
            self._due.set()
        self._wake()

    def _order(self, flag: Flag | None) -> list[str]:
        """Whom to try: as the flag says, the first by its weights; nobody whom it leaves out."""
        names = [name for name in (flag.order if flag else self._accounts) if name in self._accounts]
        names = names or list(self._accounts)
        shares = {name: share for name, share in flag.weights.items() if name in names and share} if flag else {}
        if shares:
            first = random.choices(list(shares), list(shares.values()))[0]  # noqa: S311 - guards nothing
            names.insert(0, names.pop(names.index(first)))
        if flag is not None and flag.fresh:
            return names
        rested = time.monotonic() - REST
        return sorted(names, key=lambda name: self._failed_at.get(name, -math.inf) > rested)

    def _try(
        self, name: str, message: email.message.Message, from_addr: str | None, to_addrs: Sequence[str] | None
    ) -> tuple[Mapping[str, tuple[int, bytes]], list[Outcome]]:
        """The recipients that were refused, and what to report: the success first, or what failed."""
        dialogue = _Dialogue(self._accounts[name], self._patience, self._answer_patience)
        with closing(dialogue):
            try:
                refused = dialogue.deliver(message, from_addr, to_addrs)
            except smtplib.SMTPRecipientsRefused as error:
                return {}, [_refused(name, "rcpt", *reply, address) for address, reply in error.recipients.items()]
            except OSError as error:  # every error of smtplib is one
                self._failed_at[name] = time.monotonic()
                return {}, [dialogue.failure(name, error)]
        self._failed_at.pop(name, None)
        others = [_refused(name, "rcpt", *reply, address) for address, reply in refused.items()]
        return refused, [Outcome(provider=name, ok=True), *others]

    # -- the threads ----------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Locks and threads; a forked child needs its own, and leaves to its parent what that was to report."""
        self._lock = threading.Lock()
        self._asked, self._due, self._closing = threading.Event(), threading.Event(), threading.Event()
        self._outcomes: dict[Outcome, tuple[int, float]] = {}
        self._threads: tuple[threading.Thread, ...] = ()
        self._agent.under_way = {}

    def _wake(self) -> None:
        """Have the threads run. Where none can be had, mail goes without."""
        with self._lock, suppress(RuntimeError):
            if not self._threads and not self._closing.is_set():
                self._threads = tuple(threading.Thread(target=each, daemon=True) for each in (self._follow, self._tell))
                for thread in self._threads:
                    thread.start()

    def _follow(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                pause, failures = self._ask(patiently=failures == 0), 0
            except Exception as error:  # noqa: BLE001 - whatever mailover answers, following goes on
                failures += 1
                pause = _backed_off(failures)
                _log.log(logging.WARNING if failures == 1 else logging.DEBUG, "mailover cannot be followed: %s", error)
            self._asked.set()
            self._closing.wait(pause)

    def _ask(self, *, patiently: bool) -> float:
        """Take in the flag, the next one if there is time; how many seconds to leave mailover alone after that."""
        known, query, patience = self._flag, "", self._patience
        if known is not None and patiently:
            query, patience = f"?epoch={known.epoch}&wait={WAIT:g}s", patience + WAIT * 17 / 16
        began = time.monotonic()
        answer = self._agent.call("GET", self._path + query, patience)
        if answer.status != http.HTTPStatus.OK:
            raise OSError(f"answered {answer.status}")
        self._flag = flag = Flag.read(answer.body, stale="Mailover-Stale" in answer.headers)
        if known is None or not query or flag.epoch != known.epoch or time.monotonic() - began > WAIT / 2:
            return 0.1
        return _retry_after(answer) or 1.0  # it answers at once though nothing has changed

    def _tell(self) -> None:
        while not self._closing.is_set() or self._outcomes:
            self._due.wait(REPORT_EVERY)
            self._due.clear()
            while batch := self._batch():
                self._hand_over(batch)
                self._closing.wait(0.1)  # mailover takes 20 calls a second from one token

    def _batch(self) -> list[dict[str, Any]]:
        """Outcomes at one provider, so that a name which mailover does not know spoils no other's report."""
        with self._lock:
            oldest = time.monotonic() - REPORT_LASTS
            self._outcomes = {each: kept for each, kept in self._outcomes.items() if kept[1] > oldest}
            ours = [each for each in self._outcomes if each.provider == next(iter(self._outcomes)).provider]
            counted = [(each, self._outcomes.pop(each)[0]) for each in ours[:REPORTS_A_CALL]]
        return [
            {name: value for name, value in asdict(each).items() if value is not None} | {"count": count}
            for each, count in counted
        ]

    def _hand_over(self, batch: list[dict[str, Any]]) -> None:
        """Tell it or, after REPORT_LASTS, drop it. A call made again is counted once, by its key."""
        key, body = uuid.uuid4().hex, json.dumps({"reports": batch}).encode()
        gives_up_at, failures = time.monotonic() + REPORT_LASTS, 0
        while True:
            pause, failures = 0.0, failures + 1
            try:
                answer = self._agent.call("POST", "/v1/reports", self._patience, body=body, key=key)
                if answer.status == http.HTTPStatus.OK:
                    return
                why, pause = f"answered {answer.status}", _retry_after(answer)
                if answer.status in {400, 404, 413, 415, 422}:
                    gives_up_at = 0.0  # it will not be taken the next time either
            except Exception as error:  # noqa: BLE001 - whatever mailover answers, reporting goes on
                why = str(error)
            pause = pause or _backed_off(failures)
            if time.monotonic() + pause > gives_up_at or self._closing.wait(pause):
                _log.warning("%d reports are dropped: %s", len(batch), why)
                return


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class _Agent:
    """mailover over HTTP: no proxy, no redirect, one deadline, bounded answers."""

    def __init__(self, url: str, token: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("mailover's address is http://... or https://...")
        if token is not None and not (token.isascii() and token.isprintable()):
            raise ValueError("the token has characters that no header can carry")  # and no error may show it
        self._host, self._port, self._prefix = parts.hostname, parts.port, parts.path.rstrip("/")
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.under_way: dict[str, http.client.HTTPConnection] = {}

    def cut(self, method: str) -> None:
        """End the call of this kind that is under way."""
        with suppress(OSError, KeyError, AttributeError):
            self.under_way[method].sock.shutdown(socket.SHUT_RDWR)

    def call(self, method: str, path: str, patience: float, *, body: bytes | None = None, key: str = "") -> _Answer:
        """Raises OSError, http.client.HTTPException."""
        ends_at = time.monotonic() + patience
        headers = {"Content-Type": "application/json", "Idempotency-Key": key} if key else {}
        with closing(self._kind(self._host, self._port, timeout=patience)) as connection:
            self.under_way[method] = connection
            connection.request(method, self._prefix + path, body, self._headers | headers)
            heard = _Bounded(connection.sock, lambda: ends_at - time.monotonic())
            response = http.client.HTTPResponse(cast(socket.socket, heard), method=method)
            response.begin()
            return _Answer(status=response.status, headers=response.headers, body=response.read())


class _Bounded(io.RawIOBase):
    """What a socket says, until a time and up to a size: who drips or floods gains nothing by it."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock, self._left, self._room = sock, left, ANSWER_LIMIT

    def makefile(self, _mode: str) -> io.BufferedReader:
        """As a socket has it."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises OSError when it is too late or too much."""
        left = self._left()
        if left <= 0:
            raise TimeoutError("timed out")
        if self._room <= 0:
            raise OSError("too much was said")
        self._sock.settimeout(left)
        got = self._sock.recv_into(buffer)
        self._room -= got
        return got


class _Dialogue(smtplib.SMTP):
    """One message at one provider. It knows how far it came, and nobody can be slow in it for ever."""

    def __init__(self, account: Account, patience: float, answer_patience: float) -> None:
        super().__init__(local_hostname=socket.gethostname() or "localhost")  # its own guess asks the DNS
        self._account, self._answer_patience = account, answer_patience
        self._ends_at = time.monotonic() + patience
        self._stage = "connect"

    def deliver(
        self, message: email.message.Message, from_addr: str | None, to_addrs: Sequence[str] | None
    ) -> Mapping[str, tuple[int, bytes]]:
        """The whole dialogue; the recipients that were refused. Raises OSError."""
        account = self._account
        self.sock = socket.create_connection((account.host, account.port), self._left())
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or a mail's end waits for an acknowledgement
        if account.tls == "implicit":
            self._encrypt()
        self._stage = "banner"
        self._must(220, self.getreply())
        self._must(250, self.ehlo())
        if account.tls == "starttls":
            self._must(220, self.docmd("STARTTLS"))
            self._encrypt()
            self._must(250, self.ehlo())
        if account.username is not None:
            self._log_in(account.username, account.password)
        self._stage = "mail"
        refused = self.send_message(message, from_addr, to_addrs)
        with suppress(OSError):
            self.putcmd("quit")
        return refused

    def failure(self, provider: str, error: OSError) -> Outcome:
        """What to tell of an error that ended this dialogue."""
        stage: str | None = "resolve" if isinstance(error, socket.gaierror) else self._stage
        if isinstance(error, smtplib.SMTPNotSupportedError) and stage == "mail":
            stage = None  # this message needs SMTPUTF8: nothing to blame a provider for
        if isinstance(error, smtplib.SMTPResponseException):
            return _refused(provider, stage, error.smtp_code, error.smtp_error)
        return Outcome(provider=provider, stage=stage, text=str(error)[:500])

    def _encrypt(self) -> None:
        self._stage = "starttls"
        context = self._account.context or _usual_context()
        self.sock = context.wrap_socket(cast(socket.socket, self.sock), server_hostname=self._account.host)
        self.file = None  # what was said in the clear is forgotten

    def _log_in(self, username: str, password: str) -> None:
        """One attempt; smtplib's login tries every mechanism in turn, and providers lock accounts for that."""
        self.user, self.password = username, password
        plain = "PLAIN" in str(self.esmtp_features.get("auth", "")).upper().split()
        way = ("PLAIN", self.auth_plain) if plain else ("LOGIN", self.auth_login)
        self._must(235, self.auth(*way))  # to smtplib a 503 is a yes

    def _must(self, wanted: int, reply: tuple[int, bytes]) -> None:
        if reply[0] != wanted:
            raise smtplib.SMTPResponseException(*reply)

    def _left(self) -> float:
        return self._ends_at - time.monotonic()

    # -- what smtplib does, done in time ----------------------------------------------------------------------------

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock, self._left).makefile("rb")
        code, text = super().getreply()
        yes = self._stage == "end_data" and 200 <= code < 300  # noqa: PLR2004 - RFC 5321: each 2yz is one
        return 250 if yes else code, text

    def send(self, s: Any) -> None:
        content = isinstance(s, bytes)  # with its final dot; commands are text
        if content:
            self._ends_at = time.monotonic() + self._answer_patience
        if self.sock is not None:
            self.sock.settimeout(max(self._left(), 0.001))
        super().send(s)
        if content:
            self._stage = "end_data"  # from here on silence is ambiguous

    def putcmd(self, cmd: str, args: str = "") -> None:
        word = cmd.partition(" ")[0].lower()
        self._stage = word if word in {"ehlo", "starttls", "auth", "mail", "rcpt", "data"} else self._stage
        super().putcmd(cmd, args)

    def rset(self) -> tuple[int, bytes]:
        return 250, b"not asked: after a failure the connection is closed"


def _refused(provider: str, stage: str | None, code: int, reply: bytes | str, address: str = "") -> Outcome:
    text = reply if isinstance(reply, str) else reply.decode("ascii", "replace")
    enhanced = re.match(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)", text)
    return Outcome(
        provider=provider,
        stage=stage,
        code=code if code // 100 in {4, 5} else None,
        enhanced=enhanced and enhanced[0],
        text=text[:500],
        recipient_domain=address.rpartition("@")[2].rstrip(">")[:255] or None,
    )


def _part(said: Any, name: str, *kinds: type) -> Any:
    value = said.get(name) if isinstance(said, dict) else said
    if type(value) not in kinds:  # not isinstance: true is no number
        raise ValueError(f"the flag's {name} is a {type(value).__name__}")
    return value


def _retry_after(answer: _Answer) -> float:
    told = str(answer.headers.get("Retry-After", ""))
    return min(float(told), LONGEST_PAUSE) if re.fullmatch("[0-9]{1,9}", told) else 0.0


def _backed_off(failures: int) -> float:
    return min(0.5 * 2.0**failures, LONGEST_PAUSE) * random.uniform(0.5, 1)  # noqa: S311 - spreads clients over time


_usual_context = cache(ssl.create_default_context)
_living: "weakref.WeakSet[Mailover]" = weakref.WeakSet()


def _forked() -> None:
    for each in _living:
        each._begin()  # noqa: SLF001 - of this file


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
