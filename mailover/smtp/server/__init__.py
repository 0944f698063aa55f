"""The other side of the dialogue: SMTP as a server speaks it, bytes in and events out, with no socket and no clock.

`Reception` is one dialogue; `Secured` the TLS below it. Who may send, where a message is kept and how long anybody may
take is decided outside, by `mailover.relay`.
"""

from mailover.smtp.server import said
from mailover.smtp.server.content import only_crlf
from mailover.smtp.server.events import Arrived, Ended, Event, Login, Upgrade
from mailover.smtp.server.reception import Reception
from mailover.smtp.server.said import Said
from mailover.smtp.server.secured import Secured, serving_context
from mailover.smtp.server.terms import Logins, Terms

__all__ = [
    "Arrived",
    "Ended",
    "Event",
    "Login",
    "Logins",
    "Reception",
    "Said",
    "Secured",
    "Terms",
    "Upgrade",
    "only_crlf",
    "said",
    "serving_context",
]
