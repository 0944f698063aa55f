"""What stands before the edge: it counts what the edge answers, and slows down who has no token and keeps trying.

The Flask application does the same for what it answers (`app`); a request is counted by the one that answered it.
"""

from collections.abc import Awaitable, Callable

from webhooks.adapters.ofrep import ROOT, in_its_form
from webhooks.asgi import Message, Receive, Scope, Send, send_answer
from webhooks.limits import Limits
from webhooks.parts import Parts
from webhooks.traffic import Traffic

FLASK = "mailover.flask"
"""In a scope: the Flask application has it, and counts it."""
_UNAUTHORIZED = 401


class Front:
    """The ASGI application that uvicorn calls."""

    def __init__(self, edge: Callable[[Scope, Receive, Send], Awaitable[None]], parts: Parts) -> None:
        """`edge` answers."""
        self._edge = edge
        self._limits: Limits = parts.limits
        self._traffic: Traffic = parts.traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        status, slowed = 0, False

        async def tell(message: Message) -> None:
            nonlocal status, slowed
            if message["type"] == "http.response.start":
                status = message["status"]
                if status == _UNAUTHORIZED and FLASK not in scope:
                    slowed = await self._slow_down(scope, send)
                    status = 429 if slowed else status
            if not slowed:
                await send(message)

        try:
            await self._edge(scope, receive, tell)
        finally:
            if status and FLASK not in scope:
                self._traffic.count_request(scope["method"], scope["path"], status)

    async def _slow_down(self, scope: Scope, send: Send) -> bool:
        """Answer a stranger in place of the edge, when there were too many of its kind."""
        client = scope.get("client")
        answer = self._limits.refuse_stranger(client[0] if client else None)
        if answer is None:
            return False
        await send_answer(send, in_its_form(answer) if scope["path"].startswith(ROOT) else answer)
        return True
