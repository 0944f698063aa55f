"""Dialogues of one line and its answer: what HAProxy's agent-check and Exim's readsocket have in common."""

from collections.abc import Callable

from webhooks.adapters.lines import Said

_LONGEST = 512


class OneQuestion:
    """A connection with one line in it; it is closed with the answer."""

    def __init__(self, answer: Callable[[str], str]) -> None:
        """`answer` takes the line without its end; what is empty is answered by closing alone."""
        self._answer = answer
        self._heard = b""

    def hear(self, data: bytes) -> Said:
        """Answer the line once it is whole; one without an end ends the connection."""
        self._heard += data
        line, end, _ = self._heard.partition(b"\n")
        if not end:
            return Said(over=len(self._heard) > _LONGEST)
        told = self._answer(line[:_LONGEST].decode("utf-8", "replace").strip())
        return Said(answer=f"{told}\n".encode("ascii", "replace") if told else b"", over=True, complete=True)
