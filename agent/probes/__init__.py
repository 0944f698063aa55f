"""The probes: one file per kind, one function type, one map from a kind to its function.

A probe looks at one provider once and returns what it saw. When to look is `agent.loop`'s business, many at once is
`prober`'s, and what it means is `mailover.core`'s.
"""

from collections.abc import Mapping

from agent.probes.envelope import look_at_envelope
from agent.probes.login import look_at_login
from agent.probes.looking import Looking, Probe, RoundTrip, Seen, Target
from agent.probes.port import look_at_port
from agent.probes.round_trip import look_at_round_trip
from mailover.core.observations import ProbeKind

PROBES: Mapping[ProbeKind, Probe] = {
    ProbeKind.PORT: look_at_port,
    ProbeKind.LOGIN: look_at_login,
    ProbeKind.ENVELOPE: look_at_envelope,
    ProbeKind.ROUND_TRIP: look_at_round_trip,
}

__all__ = ["PROBES", "Looking", "Probe", "RoundTrip", "Seen", "Target"]
