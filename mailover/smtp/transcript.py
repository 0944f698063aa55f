"""What a dialogue came to: the transcript and its parts. Values only; nothing here talks to anybody."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailover.core.observations import DEPTH_OF, Depth, Failure, Stage
from mailover.smtp.capabilities import Capabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReply:
    """One reply as it was heard: printable, masked, at most 300 characters."""

    stage: Stage
    code: int
    enhanced: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientResult:
    """What was said about one recipient; `failure` None means that the server took it."""

    address: str
    code: int | None = None
    enhanced: str | None = None
    text: str = ""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFacts:
    """How the dialogue was encrypted, and until when the certificate is valid (RFC 3339, UTC)."""

    version: str
    cipher: str
    not_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressTried:
    """One address that was dialled; `error` is empty for the one that answered."""

    address: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """Everything worth knowing about one dialogue. `failure` None means that it went as far as was asked."""

    failure: Failure | None
    reached: Stage | None
    """The deepest stage that succeeded, None when not even the name resolved."""
    stages: tuple[tuple[Stage, float], ...] = ()
    """Seconds of each stage begun, in order, each stage once (EHLO before and after STARTTLS are added up)."""
    replies: tuple[StageReply, ...] = ()
    recipients: tuple[RecipientResult, ...] = ()
    capabilities: Capabilities | None = None
    """What the server offered in its last EHLO reply."""
    address: str | None = None
    """The address that answered."""
    tried: tuple[AddressTried, ...] = ()
    """Every address dialled and what became of it."""
    tls: TlsFacts | None = None
    replied: bool = False
    """Whether the peer said anything at all."""
    started_at: float
    """Monotonic seconds, only good for differences."""
    finished_at: float
    """Monotonic seconds when the last stage that counts ended; the farewell (RSET, QUIT) is not in it."""
    notes: tuple[str, ...] = ()
    """Oddities that are no failures: an absurd SIZE, a stale address."""

    @property
    def ok(self) -> bool:
        """Whether it went as far as was asked."""
        return self.failure is None

    @property
    def depth(self) -> Depth | None:
        """The depth of the deepest stage that succeeded."""
        return None if self.reached is None else DEPTH_OF[self.reached]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.finished_at - self.started_at

    @property
    def facts(self) -> Mapping[str, object]:
        """Plain JSON values worth keeping with an observation."""
        found: dict[str, object] = {}
        if self.address is not None:
            found["address"] = self.address
        if self.tls is not None:
            found["tls_version"] = self.tls.version
            found["tls_cipher"] = self.tls.cipher
            found["certificate_not_after"] = self.tls.not_after
        if self.notes:
            found["notes"] = list(self.notes)
        failed = {tried.address: tried.error for tried in self.tried if tried.error}
        if failed:
            found["failed_addresses"] = failed
        return found
