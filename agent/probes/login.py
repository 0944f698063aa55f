"""The login probe: as the port probe, then one AUTH attempt. Never a second one: providers lock accounts for that."""

from agent.probes.dialogue import hold_dialogue
from agent.probes.looking import Looking, Seen, Target
from mailover.core.observations import Depth, ProbeKind, Stage


async def look_at_login(target: Target, looking: Looking, /) -> Seen:
    """Whether the provider lets us in. Where no credentials are configured there is no login that could fail."""
    held = await hold_dialogue(target, looking, until=Stage.AUTH)
    return Seen(observation=held.observed(target, looking, ProbeKind.LOGIN, depth=Depth.LOGIN))
