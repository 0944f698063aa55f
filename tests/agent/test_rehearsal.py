"""A rehearsal logs in with the password that is to come, everything else with the one that is."""

import asyncio

from agent.probes import PROBES, Looking, Target
from mailover.clock import SystemClock
from mailover.core.observations import FailureKind, ProbeKind, Purpose
from mailover.demo.provider import Provider
from mailover.resolve import Resolver
from mailover.secrets import Secret
from mailover.smtp import Credentials, Endpoint


def test_only_a_rehearsal_uses_the_next_password(ca_file: str) -> None:
    with Provider("first") as provider:
        target = Target(
            provider="first",
            endpoint=Endpoint(host=provider.host, port=provider.port, ca_file=ca_file),
            credentials=Credentials(username=provider.username, password=Secret(provider.password)),
            next_credentials=Credentials(username=provider.username, password=Secret("not-yet-known-there")),
        )
        failures = []
        for purpose in (Purpose.SCHEDULED, Purpose.REHEARSAL):
            looking = Looking(purpose=purpose, now=SystemClock().now, resolver=Resolver())
            seen = asyncio.run(PROBES[ProbeKind.LOGIN](target, looking))
            failures.append(seen.observation.failure and seen.observation.failure.kind)
        assert failures == [None, FailureKind.AUTH]
