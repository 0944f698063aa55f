"""The port probe: connect, greeting, EHLO, TLS, QUIT. It needs no account and disturbs nobody."""

from agent.probes.dialogue import hold_dialogue
from agent.probes.looking import Looking, Seen, Target
from mailover.core.observations import Depth, ProbeKind, Stage


async def look_at_port(target: Target, looking: Looking, /) -> Seen:
    """Whether the provider answers and proves who it is."""
    held = await hold_dialogue(target, looking, until=Stage.STARTTLS)
    return Seen(observation=held.observed(target, looking, ProbeKind.PORT, depth=Depth.PORT))
