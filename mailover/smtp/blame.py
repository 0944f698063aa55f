"""The edge where foreign exceptions become failures: errno, TLS errors, silence, negative replies.

What a reply's words mean is `mailover.core.classify`; what a failure changes is `decide`.
"""

import errno
import os
import ssl
from collections.abc import Callable, Mapping

from mailover.core.classify import classify
from mailover.core.observations import Failure, FailureKind, Stage
from mailover.errors import MailoverError
from mailover.smtp.dial import NoneAnsweredError
from mailover.smtp.replies import CLOSING, ProtocolError, Reply
from mailover.smtp.stream import PeerClosedError
from mailover.smtp.tls import is_by_date, reason_of

_LOCAL_ERRNOS = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EADDRNOTAVAIL,
        errno.EADDRINUSE,
        errno.ENETDOWN,
        errno.EAFNOSUPPORT,
        errno.EACCES,
        errno.EPERM,
    }
)
"""ENETUNREACH and EHOSTUNREACH are not here: a router near the provider may say so too, and that is an outage."""

_SILENCES: Mapping[Stage, str] = {
    Stage.CONNECT: "no connection",
    Stage.BANNER: "no greeting",
    Stage.EHLO: "no answer to EHLO",
    Stage.STARTTLS: "no TLS",
    Stage.AUTH: "no answer to AUTH",
    Stage.MAIL: "no answer to MAIL",
    Stage.RCPT: "no answer to RCPT",
    Stage.DATA: "the message was not taken",
    Stage.END_DATA: "no reply to the final dot: the message may or may not have been accepted",
}


class NegativeReplyError(Exception):
    """The server said no. `remark` is added to its words."""

    def __init__(self, reply: Reply, remark: str = "") -> None:
        """Neither is part of the exception's own text, which might be logged unmasked."""
        super().__init__(str(reply.code))
        self.reply = reply
        self.remark = remark


class UnfitError(Exception):
    """The dialogue cannot go on as it was asked for, without the server having refused anything."""

    def __init__(self, kind: FailureKind, text: str) -> None:
        """`text` is a clause for people."""
        super().__init__(text)
        self.kind = kind


class SessionError(MailoverError):
    """A step of the dialogue failed; everything about it is in `failure`."""

    def __init__(self, failure: Failure) -> None:
        """`failure` is masked already, so that this may be logged."""
        super().__init__(f"{failure.stage.value}: {failure.text}")
        self.failure = failure


MET_AT_THE_EDGE = (OSError, ProtocolError, PeerClosedError, NoneAnsweredError, NegativeReplyError, UnfitError)


def blame(stage: Stage, error: Exception, *, replied: bool, seconds: float, show: Callable[[str], str]) -> Failure:
    """The failure that an exception met at a stage amounts to. `show` masks, cleans and cuts foreign text."""
    if isinstance(error, NoneAnsweredError):
        error = error.error
    if isinstance(error, NegativeReplyError):
        return blame_reply(stage, error.reply, show=show, remark=error.remark)
    kind, text = _kind_and_text(stage, error, seconds)
    if stage is Stage.END_DATA and kind is not FailureKind.LOCAL:
        kind, text = FailureKind.AMBIGUOUS, f"{_SILENCES[stage]} ({text})"
    by_date = isinstance(error, ssl.SSLError) and is_by_date(error)
    return Failure(kind=kind, stage=stage, text=show(text), replied=replied, by_date=by_date)


def blame_reply(stage: Stage, reply: Reply, *, show: Callable[[str], str], remark: str = "") -> Failure:
    """The failure that a negative reply amounts to."""
    text = f"{reply.text} ({remark})" if remark else reply.text
    return Failure(
        kind=_kind_of_reply(stage, reply, text),
        stage=stage,
        text=show(text),
        code=reply.code,
        enhanced=reply.enhanced,
        replied=True,
    )


def _kind_of_reply(stage: Stage, reply: Reply, text: str) -> FailureKind:
    kind = classify(stage, reply.code, reply.enhanced, text)
    if stage is Stage.STARTTLS and reply.code != CLOSING and kind in {FailureKind.TRANSIENT, FailureKind.PROTOCOL}:
        return FailureKind.TLS
    return kind


def _kind_and_text(stage: Stage, error: Exception, seconds: float) -> tuple[FailureKind, str]:
    if isinstance(error, UnfitError):
        return error.kind, str(error)
    if isinstance(error, ProtocolError):
        return FailureKind.PROTOCOL, str(error)
    if isinstance(error, PeerClosedError):
        hung_up = FailureKind.TLS if stage is Stage.STARTTLS else FailureKind.CONNECTION
        return hung_up, "the server closed the connection"
    if isinstance(error, TimeoutError):
        return FailureKind.TIMEOUT, f"{_SILENCES.get(stage, 'no answer')} within {seconds:g} s"
    if isinstance(error, ssl.SSLError):
        return FailureKind.TLS, reason_of(error)
    number = error.errno if isinstance(error, OSError) else None
    kind = FailureKind.LOCAL if number in _LOCAL_ERRNOS else FailureKind.CONNECTION
    name = errno.errorcode.get(number or 0, type(error).__name__)
    words = os.strerror(number) if number else str(error)
    return kind, f"{words} ({name})"
