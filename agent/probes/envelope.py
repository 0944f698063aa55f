"""The envelope probe: as the login probe, then MAIL, RCPT and RSET, never DATA. It only verifies reports."""

from agent.probes.dialogue import hold_dialogue
from agent.probes.looking import Looking, Seen, Target
from mailover.core.observations import Depth, ProbeKind, Stage
from mailover.smtp import Envelope


async def look_at_envelope(target: Target, looking: Looking, /) -> Seen:
    """Whether the provider would take a message from us.

    Addressed to the mailbox of the round trips, else to the sender itself. Without any address of ours it goes no
    deeper than a login, and says no more than that: the null sender would be refused by policy.
    """
    if not target.sender:
        held = await hold_dialogue(target, looking, until=Stage.AUTH)
        return Seen(observation=held.observed(target, looking, ProbeKind.ENVELOPE, depth=Depth.LOGIN))
    recipient = target.sender if looking.round_trip is None else looking.round_trip.to
    envelope = Envelope(sender=target.sender, recipients=(recipient,))
    held = await hold_dialogue(target, looking, until=Stage.RCPT, envelope=envelope)
    return Seen(observation=held.observed(target, looking, ProbeKind.ENVELOPE, depth=Depth.ENVELOPE))
