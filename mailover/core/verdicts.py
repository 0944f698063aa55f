"""What one attempt at one provider means for a recipient's copy: taken, refused, or whose turn it is next. Pure.

Whose fault a failure is says `classify`; which provider comes next is `routing`'s, and when is `retry`'s.
"""

from enum import StrEnum

from mailover.core.observations import Failure, FailureKind, Owner, Stage

_PERMANENT = 500
_TOO_MANY = "4.5.3"
_NO_SUCH_ADDRESS = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")
_OF_ALL = frozenset({Stage.DATA, Stage.END_DATA})
"""What is said there is said of the message, for all its recipients."""
_UNKNOWN_USER = frozenset({550, 551, 553})


class Verdict(StrEnum):
    """What follows for one recipient's copy."""

    TAKEN = "taken"
    UNANSWERED = "unanswered"
    """The final dot was sent and never answered: perhaps delivered."""
    REFUSED = "refused"
    """For good, whoever carries it."""
    LATER = "later"
    """This recipient cannot be reached now; another provider would hear the same."""
    AGAIN = "again"
    """The provider wants it in another transaction, at once."""
    ALONE = "alone"
    """A whole message was refused for one of its recipients: only in a transaction of its own it shows for whom."""
    UNFIT = "unfit"
    """This provider cannot carry this message; another one may. Nobody's fault."""
    ELSEWHERE = "elsewhere"
    """The provider failed; the next one may do better."""


def verdict(address: str, failure: Failure | None, *, shared: bool = False) -> Verdict:
    """What an outcome means for the copy of one address; None: the provider took it.

    `shared`: others were to get the same message in the same transaction.
    """
    if failure is None:
        return Verdict.TAKEN
    match failure.kind:
        case FailureKind.AMBIGUOUS:
            return Verdict.UNANSWERED
        case FailureKind.GREYLIST:
            return Verdict.LATER
        case FailureKind.RECIPIENT if shared and failure.stage in _OF_ALL:
            return Verdict.ALONE
        case FailureKind.RECIPIENT:
            return _of_recipient(address, failure)
        case FailureKind.MESSAGE:
            return _of_message(failure)
    return Verdict.ELSEWHERE


def blames_provider(failure: Failure) -> bool:
    """Whether it tells something of the provider, so that others should hear of it."""
    return failure.kind.owner in {Owner.PROVIDER, Owner.ACCOUNT}


def no_such_address(failure: Failure) -> bool:
    """Whether a refusal says that this address will never take mail; a full mailbox or a policy does not say so."""
    if failure.kind is not FailureKind.RECIPIENT or not _permanent(failure):
        return False
    if failure.enhanced is not None:
        return failure.enhanced in _NO_SUCH_ADDRESS
    return failure.code in _UNKNOWN_USER


def _of_recipient(address: str, failure: Failure) -> Verdict:
    if failure.code is None:  # we could not even ask: only SMTPUTF8 can carry a local part beyond ASCII
        return Verdict.REFUSED if address.rpartition("@")[0].isascii() else Verdict.UNFIT
    return Verdict.REFUSED if _permanent(failure) else Verdict.LATER


def _of_message(failure: Failure) -> Verdict:
    if failure.stage is Stage.RCPT and failure.enhanced == _TOO_MANY:
        return Verdict.AGAIN
    return Verdict.ELSEWHERE if failure.code is not None and not _permanent(failure) else Verdict.UNFIT


def _permanent(failure: Failure) -> bool:
    return failure.code is not None and failure.code >= _PERMANENT
