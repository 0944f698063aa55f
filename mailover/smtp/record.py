"""What a session writes down while it goes on, and the masking of all that it writes. Becomes a `Transcript`."""

import time
from dataclasses import dataclass, field

from mailover.core.observations import Failure, Stage
from mailover.secrets import mask
from mailover.smtp.blame import blame_reply
from mailover.smtp.capabilities import Capabilities
from mailover.smtp.replies import TEXT_LIMIT, Reply, printable
from mailover.smtp.transcript import AddressTried, RecipientResult, StageReply, TlsFacts, Transcript

_ORDER = {stage: place for place, stage in enumerate(Stage)}


@dataclass(slots=True, kw_only=True)
class Record:
    """The notes of one dialogue. Everything foreign goes through `show` before it is kept."""

    noted: bool = True
    """Whether replies are kept: for who sends thousands of messages and reads no transcript they need not be."""
    started_at: float = field(default_factory=time.monotonic)
    stages: dict[Stage, float] = field(default_factory=dict)
    reached: Stage | None = None
    replies: list[StageReply] = field(default_factory=list)
    recipients: list[RecipientResult] = field(default_factory=list)
    capabilities: Capabilities | None = None
    address: str | None = None
    tried: list[AddressTried] = field(default_factory=list)
    tls: TlsFacts | None = None
    notes: list[str] = field(default_factory=list)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def show(self, text: str) -> str:
        """Masked first, while secrets are whole, then made printable and cut."""
        return printable(mask(text, self.secrets), TEXT_LIMIT)

    def spent(self, stage: Stage, seconds: float) -> None:
        """Time passed at a stage."""
        self.stages[stage] = self.stages.get(stage, 0.0) + seconds

    def succeeded(self, stage: Stage) -> None:
        """A stage did what it was for."""
        if self.reached is None or _ORDER[stage] > _ORDER[self.reached]:
            self.reached = stage

    def heard(self, stage: Stage, reply: Reply) -> None:
        """A reply came; it is kept at once, whatever happens next."""
        if not self.noted:
            return
        self.replies.append(
            StageReply(stage=stage, code=reply.code, enhanced=reply.enhanced, text=self.show(reply.text))
        )

    def recipient(self, address: str, reply: Reply, *, taken: bool) -> None:
        """What was said about a recipient."""
        self.recipients.append(
            RecipientResult(
                address=address,
                code=reply.code,
                enhanced=reply.enhanced,
                text=self.show(reply.text),
                failure=None if taken else blame_reply(Stage.RCPT, reply, show=self.show),
            )
        )

    def following(self) -> "Record":
        """A new record for the next message on the same connection."""
        return Record(
            noted=self.noted,
            capabilities=self.capabilities,
            address=self.address,
            tls=self.tls,
            notes=list(self.notes),
            secrets=self.secrets,
        )

    def transcript(self, failure: Failure | None, *, finished_at: float, replied: bool) -> Transcript:
        """The finished value."""
        return Transcript(
            failure=failure,
            reached=self.reached,
            stages=tuple(self.stages.items()),
            replies=tuple(self.replies),
            recipients=tuple(self.recipients),
            capabilities=self.capabilities,
            address=self.address,
            tried=tuple(self.tried),
            tls=self.tls,
            replied=replied,
            started_at=self.started_at,
            finished_at=finished_at,
            notes=tuple(dict.fromkeys(self.notes)),
        )
