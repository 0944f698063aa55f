"""The mailbox that calls us: a workflow tool reads the real mailbox and says which test messages came.

The call arrives over HTTP and reaches the board of arrivals by `Arrivals.tell`; here one only waits for it.
"""

from agent.probes.arrivals import Arrivals, Found, Missing


class WebhookMailbox:
    """Waits to be told. Silence may be the provider's or the workflow tool's, so it says nothing of the mailbox."""

    def __init__(self, arrivals: Arrivals) -> None:
        """`arrivals` is the board that is told."""
        self._arrivals = arrivals

    async def open(self) -> None:
        """Nothing is to be opened."""

    async def find(self, nonce: str, *, within: float) -> Found:
        """Wait for the call."""
        return await self._arrivals.wait(nonce, within=within) or Missing(looked=False)

    async def close(self) -> None:
        """Nothing is held open."""
