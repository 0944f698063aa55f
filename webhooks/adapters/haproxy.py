"""HAProxy's agent-check: how a server stands, in the words of its manual (section 5.2, agent-check).

Always the whole state, since only an agent can undo what an agent did. Who asks for a name that nobody has is told
nothing, and HAProxy leaves that server as it is.
"""

from collections.abc import Callable

from mailover.service import Snapshot
from webhooks.adapters.wonder import Wonder

_LONGEST_REASON = 120


def agent(snapshot: Callable[[], Snapshot]) -> Callable[[str], str]:
    """Answers by the present snapshot; a name that nobody has would stay up for ever, so the log tells of it."""
    wonder = Wonder("haproxy asks for a provider or a stream that is not there")

    def answer(question: str) -> str:
        told = standing(snapshot(), question)
        if question and not told:
            wonder.at(question)
        return told

    return answer


def standing(snapshot: Snapshot, question: str) -> str:
    """The answer to `PROVIDER` or `PROVIDER STREAM`, as `agent-send` gives it; empty when there is no such thing."""
    name, _, stream = question.partition(" ")
    published = snapshot.flags.get(stream.strip() or snapshot.default_stream)
    breaker = snapshot.fleet.breakers.get(name)
    if published is None or breaker is None:
        return ""
    share = published.flag.weights.get(name, 0.0)
    if published.flag.sending and (share > 0 or name == published.flag.provider):
        return f"up ready {max(1, round(100 * share))}%"
    if breaker.closed:
        return "up drain"
    because = breaker.opening.because if breaker.opening is not None else str(breaker.state)
    return f"down #{_plain(because)}"  # the blank before # matters: without it HAProxy overlooks the word


def _plain(text: str) -> str:
    return "".join(char if char.isascii() and char.isprintable() else " " for char in text)[:_LONGEST_REASON]
