"""Short-lived passes for who cannot send a header, as a browser's EventSource: made from a token, and void with it.

A pass is for reading only. It names its token and its end, signed with what is kept of the token, so that every
agent that knows the token takes it and nothing is stored.
"""

import hmac
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import quote, unquote

from mailover.config.outlets import Scope
from webhooks.auth import Caller, Token

_PASS = re.compile(r"([^.]+)\.([0-9]{1,12})\.([0-9a-f]{64})")
_STEP = timedelta(minutes=30)
"""A pass is good for one to two of these: it stays the same for a while, so that what names it does too."""


def pass_for(name: str, tokens: Iterable[Token], now: datetime) -> str | None:
    """A pass by which its bearer may read as the token's holder; None when no token of that name may."""
    step = int(_STEP.total_seconds())
    until = (int(now.timestamp()) // step + 2) * step
    return next((_signed(each, until) for each in tokens if each.name == name and _may_read(each)), None)


def holder(given: str, tokens: Iterable[Token], now: datetime) -> Caller | None:
    """Who holds this pass; None for a wrong one and one whose time is over."""
    found = _PASS.fullmatch(given)
    if found is None or int(found[2]) <= now.timestamp():
        return None
    name = unquote(found[1])
    for each in tokens:
        if each.name == name and _may_read(each) and hmac.compare_digest(_signed(each, int(found[2])), given):
            return Caller(name=name)
    return None


def _may_read(token: Token) -> bool:
    return not token.scopes.isdisjoint({Scope.READ, Scope.OPERATE})


def _signed(token: Token, until: int) -> str:
    named = f"{quote(token.name, safe='').replace('.', '%2E')}.{until}"
    return f"{named}.{hmac.digest(token.sha256, named.encode(), 'sha256').hex()}"
