"""The mailbox that calls us: a workflow tool reads the real mailbox and says which test messages came.

The call arrives over HTTP; here is only what it means.
"""

from collections.abc import Mapping

from agent.probes.arrivals import Arrivals, Fate, Found, Missing
from agent.probes.headers import headers_from
from agent.probes.marks import is_nonce
from mailover.smtp.replies import printable


class WebhookMailbox:
    """Waits to be told. Silence may be the provider's or the workflow tool's, so it says nothing of the mailbox."""

    def __init__(self, arrivals: Arrivals) -> None:
        """`arrivals` is the board that the round trips wait at."""
        self._arrivals = arrivals

    def arrived(self, provider: str, nonce: str, folder: str, headers: Mapping[str, str]) -> bool:
        """Somebody found a message, early or late; False for a nonce nobody knows. May be called from any thread."""
        nonce = nonce.strip().lower()
        if not is_nonce(nonce):
            return False
        told = headers_from(headers)
        fate = self._arrivals.arrived(nonce, provider=provider, folder=printable(folder, 200), headers=told)
        return fate is not Fate.UNKNOWN

    async def open(self) -> None:
        """Nothing is to be opened."""

    async def find(self, nonce: str, *, within: float) -> Found:
        """Wait for the call."""
        return await self._arrivals.wait(nonce, within=within) or Missing(looked=False)

    async def close(self) -> None:
        """Nothing is held open."""
