"""From a dialogue's transcript to an observation: the one place where both are known."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.probes.looking import Looking, Target
from mailover.core.observations import Depth, Observation, ProbeKind, Purpose, Stage
from mailover.smtp import Envelope, Transcript, converse


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """A dialogue that was held, and when."""

    transcript: Transcript
    started_at: datetime

    @property
    def finished_at(self) -> datetime:
        """When the last stage that counts ended; the farewell is not in it."""
        return self.started_at + timedelta(seconds=self.transcript.seconds)

    def observed(
        self,
        target: Target,
        looking: Looking,
        probe: ProbeKind,
        *,
        depth: Depth,
        facts: Mapping[str, object] | None = None,
    ) -> Observation:
        """The dialogue as an observation; `depth` is what a success reaches."""
        failure = self.transcript.failure
        return Observation(
            provider=target.provider,
            purpose=looking.purpose,
            probe=probe,
            depth=depth if failure is None else failure.depth,
            failure=failure,
            started_at=self.started_at,
            finished_at=self.finished_at,
            stages=self.transcript.stages,
            facts={**self.transcript.facts, **(facts or {})},
        )


async def hold_dialogue(
    target: Target,
    looking: Looking,
    *,
    until: Stage,
    deadline: float | None = None,
    envelope: Envelope | None = None,
    message: bytes | None = None,
) -> Dialogue:
    """Talk to the target up to `until`, within `deadline` seconds, by default the look's own."""
    started_at = looking.now()
    rehearsing = looking.purpose is Purpose.REHEARSAL
    transcript = await converse(
        target.endpoint,
        until=until,
        deadline=looking.deadline if deadline is None else deadline,
        resolver=looking.resolver,
        credentials=target.next_credentials if rehearsing else target.credentials,
        envelope=envelope,
        message=message,
    )
    return Dialogue(transcript=transcript, started_at=started_at)
