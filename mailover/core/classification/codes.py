"""What codes mean where no words speak: the IANA registry of enhanced codes (RFC 3463), then the reply code and stage.

At RCPT and after the final dot doubt blames nobody: one recipient or one message is the likelier reason.
"""

from collections.abc import Mapping

from mailover.core.observations import FailureKind, Stage

_K = FailureKind

_EXACT: Mapping[str, FailureKind] = {
    "1.7": _K.POLICY,
    "1.8": _K.POLICY,
    "1.90": _K.QUOTA,
    "2.3": _K.MESSAGE,
    "2.252": _K.POLICY,
    "2.253": _K.SUSPENDED,
    "3.3": _K.MESSAGE,
    "3.4": _K.MESSAGE,
    "4.6": _K.MESSAGE,
    "4.14": _K.MESSAGE,
    "5.3": _K.MESSAGE,
    "5.5": _K.PROTOCOL,
    "5.6": _K.AUTH,
    "7.2": _K.RECIPIENT,
    "7.7": _K.MESSAGE,
    "7.8": _K.AUTH,
    "7.9": _K.AUTH,
    "7.10": _K.TLS,
    "7.11": _K.TLS,
    "7.12": _K.AUTH,
    "7.13": _K.SUSPENDED,
    "7.14": _K.AUTH,
    "7.15": _K.MESSAGE,
    "7.16": _K.MESSAGE,
    "7.17": _K.RECIPIENT,
    "7.18": _K.RECIPIENT,
    "7.19": _K.RECIPIENT,
    "7.28": _K.REPUTATION,
    "7.30": _K.MESSAGE,
    "7.57": _K.AUTH,
    "7.60": _K.POLICY,
    "7.64": _K.POLICY,
    "7.124": _K.RECIPIENT,
    "7.139": _K.AUTH,
    "7.504": _K.RECIPIENT,
    "7.505": _K.RECIPIENT,
    "7.511": _K.REPUTATION,
    "7.512": _K.MESSAGE,
    "7.750": _K.POLICY,
    **{f"7.{detail}": _K.POLICY for detail in (20, 21, 22, 23, 24, 25, 26, 27, 29, 506, 509, 515)},
    **{f"7.{detail}": _K.RECIPIENT for detail in (*range(129, 137), *range(321, 326))},
    **{f"4.{detail}": _K.RECIPIENT for detail in range(300, 331)},
    **{f"7.{detail}": _K.SUSPENDED for detail in (501, 502, 503, *range(700, 708))},
    **{f"7.{detail}": _K.REPUTATION for detail in (513, *range(606, 651), 708)},
}
"""Subject and detail of codes with one meaning; those above 100 are Exchange Online's own."""

_SUBJECTS: Mapping[str, FailureKind] = {"1": _K.RECIPIENT, "2": _K.RECIPIENT, "6": _K.MESSAGE}

_DOUBT: Mapping[Stage | None, FailureKind] = {
    Stage.RCPT: _K.RECIPIENT,
    Stage.DATA: _K.MESSAGE,
    Stage.END_DATA: _K.MESSAGE,
}

_REFUSED_AT: Mapping[Stage | None, FailureKind] = {
    Stage.RESOLVE: _K.CONNECTION,
    Stage.CONNECT: _K.CONNECTION,
    Stage.BANNER: _K.CONNECTION,
    Stage.EHLO: _K.PROTOCOL,
    Stage.AUTH: _K.AUTH,
    Stage.MAIL: _K.POLICY,
    Stage.QUIT: _K.PROTOCOL,
    Stage.ARRIVE: _K.MESSAGE,
    **_DOUBT,
    None: _K.RECIPIENT,
}

_ANYWHERE: Mapping[int, FailureKind] = {
    530: _K.AUTH,
    534: _K.AUTH,
    535: _K.AUTH,
    538: _K.TLS,
    523: _K.TLS,
    551: _K.RECIPIENT,
    556: _K.RECIPIENT,
}

_SILENT_AT: Mapping[Stage | None, FailureKind] = {
    Stage.STARTTLS: _K.TLS,
    Stage.END_DATA: _K.AMBIGUOUS,
    Stage.ARRIVE: _K.TIMEOUT,
}

_CONFUSED = frozenset({500, 501, 502, 503, 504, 555})
_COMMANDS = frozenset({Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.MAIL, Stage.QUIT})
"""Stages at which a complaint about the command is one: at RCPT and DATA it hides what is wrong with the address."""
_TEMPORARY = range(400, 500)
_PERMANENT = range(500, 600)


def kind_of_enhanced(enhanced: str | None, code: int | None, stage: Stage | None) -> FailureKind | None:
    """What the enhanced code alone says; None where it is missing, unknown, or leaves it to code and stage."""
    severity, subject, detail = _parts(enhanced)
    if severity not in {"4", "5"}:
        return None
    temporary = severity == "4" or code in _TEMPORARY
    if stage is Stage.AUTH and subject in {"1", "2"}:
        return _K.AUTH
    if (subject, detail, stage) == ("1", "0", Stage.MAIL):
        return _K.POLICY
    if (subject, detail) == ("7", "9") and stage is not Stage.AUTH:
        # Yahoo uses it for content and for senders that prove nothing.
        return _of_security(stage, temporary=temporary)
    whole: FailureKind | None
    if subject in {"3", "4"}:
        whole = _K.TRANSIENT if temporary else _of_a_distant_server(stage)
    elif subject == "7":
        whole = _of_security(stage, temporary=temporary)
    else:
        whole = _SUBJECTS.get(subject)
    return _EXACT.get(f"{subject}.{detail}", whole)


def _parts(enhanced: str | None) -> tuple[str, str, str]:
    severity, _, rest = (enhanced or "").partition(".")
    subject, _, detail = rest.partition(".")
    return severity, subject, detail


def _of_a_distant_server(stage: Stage | None) -> FailureKind:
    """A permanent failure of system or network: at a recipient's server, unless it came before one was named."""
    return _K.RECIPIENT if stage is None else _DOUBT.get(stage, _K.TRANSIENT)


def _of_security(stage: Stage | None, *, temporary: bool) -> FailureKind:
    if stage in {Stage.CONNECT, Stage.BANNER, Stage.EHLO}:
        return _K.REPUTATION
    if temporary:
        return _K.GREYLIST if stage is Stage.RCPT else _K.TRANSIENT
    if stage is Stage.AUTH:
        return _K.AUTH
    return _K.RECIPIENT if stage is None else _DOUBT.get(stage, _K.POLICY)


def kind_of_code(code: int | None, stage: Stage | None) -> FailureKind:
    """The last resort: the reply code's first digit and the stage."""
    if code is None:
        return _SILENT_AT.get(stage, _K.CONNECTION)
    if stage is Stage.STARTTLS:
        return _K.TLS
    if code in _TEMPORARY:
        one_recipient = code in {422, 450} and stage in {*_DOUBT, None}
        return _K.RECIPIENT if one_recipient else _K.TRANSIENT
    if code not in _PERMANENT or (code in _CONFUSED and stage in _COMMANDS):
        return _K.PROTOCOL
    return _ANYWHERE.get(code, _REFUSED_AT[stage])
