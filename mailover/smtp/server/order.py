"""The order of a dialogue: its states, and what may be said in which. Tables only."""

from collections.abc import Mapping
from enum import StrEnum

from mailover.smtp.server import said
from mailover.smtp.server.requests import Verb
from mailover.smtp.server.said import Said


class State(StrEnum):
    """Where the dialogue stands."""

    SILENT = "silent"
    """Not greeted yet: whoever speaks now does not mean SMTP."""
    GREETED = "greeted"
    READY = "ready"
    SENDER = "sender"
    RECIPIENTS = "recipients"
    CONTENT = "content"
    CHALLENGED = "challenged"
    """An answer to a 334 is due."""
    HANDSHAKE = "handshake"
    JUDGED = "judged"
    """An event waits for its answer."""
    CLOSED = "closed"


AFTER: Mapping[State, Mapping[Verb, State]] = {
    State.GREETED: {Verb.EHLO: State.READY, Verb.HELO: State.READY},
    State.READY: {
        Verb.EHLO: State.READY,
        Verb.HELO: State.READY,
        Verb.STARTTLS: State.HANDSHAKE,
        Verb.AUTH: State.CHALLENGED,
        Verb.MAIL: State.SENDER,
    },
    State.SENDER: {Verb.EHLO: State.READY, Verb.HELO: State.READY, Verb.RCPT: State.RECIPIENTS},
    State.RECIPIENTS: {
        Verb.EHLO: State.READY,
        Verb.HELO: State.READY,
        Verb.RCPT: State.RECIPIENTS,
        Verb.DATA: State.CONTENT,
    },
}
"""What follows a command that is taken."""

ANYTIME: Mapping[Verb, Said] = {
    Verb.RSET: said.FORGOTTEN,
    Verb.NOOP: said.NOTHING_DONE,
    Verb.VRFY: said.NOT_VERIFIED,
    Verb.HELP: said.HELP,
    Verb.QUIT: said.BYE,
}
"""What has no turn, and its answer."""

LACKING: Mapping[State, Mapping[Verb, Said]] = {
    State.GREETED: dict.fromkeys(Verb, said.HELLO_NEEDED),
    State.READY: {Verb.RCPT: said.SENDER_NEEDED, Verb.DATA: said.SENDER_NEEDED},
    State.SENDER: {Verb.DATA: said.RECIPIENT_NEEDED},
}
"""What is lacking for a command out of turn, where that can be said."""

DEAF = frozenset({State.HANDSHAKE, State.JUDGED, State.CLOSED})
"""Nothing is read."""
