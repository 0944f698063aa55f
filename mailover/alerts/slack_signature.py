"""Whether a request was signed by Slack, just now and not before: `v0` signatures over the raw body.

Own, since slack-sdk's verifier raises on headers that are garbage. What is in the request is not looked at here.
"""

import hashlib
import hmac
import re
import threading
from collections.abc import Mapping

from mailover.clock import Clock
from mailover.secrets import Secret

_WINDOW = 300
"""Seconds that a signature's time may differ from ours."""
_KEPT = 600
_MOST = 10_000
_TIME = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body, as Slack makes it."""
    signed = b"v0:" + timestamp.encode() + b":" + body
    return f"v0={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class SlackSignatures:
    """Verifies, and remembers what it verified, so that nothing recorded on the way can be played again."""

    def __init__(self, secret: Secret, clock: Clock, *, most: int = _MOST) -> None:
        """Nothing was seen yet; beyond `most` in ten minutes nothing is believed."""
        self._secret = secret
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}

    def refusal(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """Why the request is refused, None when it is Slack's. `headers` have lower-case names. Never raises."""
        timestamp = headers.get("x-slack-request-timestamp", "")
        signature = headers.get("x-slack-signature", "")
        if _TIME.fullmatch(timestamp) is None or _SIGNATURE.fullmatch(signature) is None:
            return "It is not signed by Slack."
        if not hmac.compare_digest(sign(self._secret.reveal(), timestamp, body), signature):
            return "The signature is wrong."
        now = self._clock.wall().timestamp()
        if abs(now - int(timestamp)) > _WINDOW:
            return "The signature is not of the last five minutes."
        return None if self._new(signature, now) else "It was sent before."

    def _new(self, signature: str, now: float) -> bool:
        with self._lock:
            if len(self._seen) >= self._most:
                self._seen = {known: at for known, at in self._seen.items() if now - at < _KEPT}
            if now - self._seen.get(signature, now - _KEPT) < _KEPT or len(self._seen) >= self._most:
                return False
            self._seen[signature] = now
            return True
