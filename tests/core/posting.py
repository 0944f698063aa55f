"""Asking for the route of one message after another, in a fleet that has a story."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from mailover.core.carriage import Geography, Pace, StreamMail
from mailover.core.providers import StreamMode
from mailover.core.routing import Letter, Route, Spent, route

from .story import Story, policy_of

EU_ONLY = Geography(
    suffixes=(".de", ".eu"),
    domains=frozenset({"example.fr"}),
    tags=frozenset({"eu"}),
    regions=frozenset({"eu"}),
    only=True,
)


def posts(
    names: str = "abc",
    *,
    weights: Mapping[str, float] | None = None,
    paces: Mapping[str, Pace] | None = None,
    regions: Mapping[str, tuple[str, ...]] | None = None,
    stream: Mapping[str, object] | None = None,
    **mail: object,
) -> Story:
    """A story whose one stream has mail to carry, after every provider was seen to be well."""
    mode = {"mode": StreamMode.BALANCE, "weights": weights} if weights else {}
    asked = StreamMail(**mail)  # type: ignore[arg-type]
    policy = policy_of(names, mail=asked, **mode, **(stream or {}))
    providers = {
        name: replace(provider, pace=(paces or {}).get(name, Pace()), regions=(regions or {}).get(name, ()))
        for name, provider in policy.providers.items()
    }
    story = Story(replace(policy, providers=providers)).later(minutes=6)
    for name in names:
        story.sees(name)
    return story


def ask(
    story: Story,
    recipient: str = "ann@example.com",
    *,
    now: datetime | None = None,
    spent: Mapping[str, Spent] | None = None,
    wanted: tuple[str, ...] = (),
    **letter: object,
) -> Route:
    """The route of one message."""
    asked = Letter(stream="mail", recipient=recipient, **letter)  # type: ignore[arg-type]
    return route(story.fleet, story.policy, asked, now or story.now, spent, wanted=wanted)
