"""What `mailover explain` says: a reply's kind, whose fault it is, and what mailover does about it, in one sentence.

Only the wording lives here. Taking a reply apart is `replies`, classification is `classify`, printing is the CLI.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailover.core.classification.rule import Rule
from mailover.core.classify import Verdict, judge
from mailover.core.observations import FailureKind, Owner, Stage
from mailover.core.replies import read_reply

BOUNCE = "dsn"
"""The word for a reply that was read in a bounce, later than any stage of our own dialogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What one reply means."""

    kind: FailureKind
    owner: Owner
    moves_breaker: bool
    because: str

    def as_json(self) -> dict[str, object]:
        """The JSON object of `mailover explain --json`."""
        return {
            "kind": self.kind.value,
            "owner": self.owner.value,
            "moves_breaker": self.moves_breaker,
            "because": self.because,
        }


_CONFIRMED = "mailover confirms it with quick probes and fails over"
_SEEN = f"{_CONFIRMED}, if something else can still be reached from here"
_COUNTS = "it counts against the provider, and mailover fails over when it repeats"
_AT_ONCE = "mailover fails over as soon as one check confirms it"
_UNBLAMED = "no provider is blamed and no breaker moves"

_ACTIONS: Mapping[FailureKind, str] = {
    FailureKind.CONNECTION: _SEEN,
    FailureKind.TIMEOUT: _SEEN,
    FailureKind.PROTOCOL: _CONFIRMED,
    FailureKind.TLS: f"{_CONFIRMED}; it never sends without the encryption asked for",
    FailureKind.TRANSIENT: _COUNTS,
    FailureKind.AMBIGUOUS: "it counts against the provider; sent again elsewhere, the message may arrive twice",
    FailureKind.AUTH: (
        "mailover fails over after a second failed login and then stops logging in on schedule, "
        "so that the account is not locked; check the login"
    ),
    FailureKind.SUSPENDED: f"{_AT_ONCE}; ask the provider to switch it on again",
    FailureKind.QUOTA: f"{_AT_ONCE}; raise the allowance or wait for its reset",
    FailureKind.REPUTATION: f"{_COUNTS}; see to the listing",
    FailureKind.POLICY: f"{_COUNTS}; correct our set-up there",
    FailureKind.RATE_LIMIT: "mailover fails over only when a good part of all attempts fail so; slow down",
    FailureKind.RECIPIENT: f"{_UNBLAMED}; correct or drop the address",
    FailureKind.MESSAGE: f"{_UNBLAMED}; change the message",
    FailureKind.GREYLIST: f"{_UNBLAMED}; the same message passes when sent again later",
    FailureKind.LOCAL: "no breaker moves, and mailover takes it as a sign that it cannot trust its own view",
}

_WHOSE: Mapping[Owner, str] = {
    Owner.PROVIDER: "the provider's to mend",
    Owner.ACCOUNT: "ours to mend at this provider",
    Owner.NOBODY: "nobody's fault here",
    Owner.LOCAL: "a fault of this machine or its network",
}


def read_stage(word: str) -> Stage | None:
    """The stage of that name, None for `dsn` (a bounce). Raises ValueError, naming the words there are."""
    plain = word.strip().lower()
    if plain == BOUNCE:
        return None
    try:
        return Stage(plain)
    except ValueError:
        words = ", ".join([*(stage.value for stage in Stage), BOUNCE])
        raise ValueError(f"no stage {word.strip()!r}; the stages are {words}") from None


def explain(stage: Stage | None, reply_line: str, *, extra_rules: Iterable[Rule] = ()) -> Explanation:
    """Say what a reply means, whose fault it is and what mailover does about it."""
    reply = read_reply(reply_line)
    verdict = judge(stage, reply.code, reply.enhanced, reply.text, extra_rules=extra_rules)
    kind = verdict.kind
    return Explanation(
        kind=kind, owner=kind.owner, moves_breaker=kind.moves_breaker, because=_sentence(verdict, kind.owner)
    )


def _sentence(verdict: Verdict, owner: Owner) -> str:
    beginning = verdict.because[:1].upper() + verdict.because[1:]
    return f"{beginning} ({_WHOSE[owner]}): {_ACTIONS[verdict.kind]}."
