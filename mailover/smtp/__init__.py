"""The SMTP client: one dialogue under one absolute deadline, every outcome a value, nothing unbounded.

`converse` holds one dialogue; `Session` is the same in steps, for connections that are kept. Deciding what an
outcome means for a provider is `mailover.core`; what to ask and how often is `agent.probes` and `mailover.relay`.
"""

from mailover.smtp.blame import SessionError
from mailover.smtp.capabilities import Capabilities
from mailover.smtp.conversation import converse
from mailover.smtp.endpoint import Credentials, Endpoint, Envelope, Mechanism
from mailover.smtp.session import Session
from mailover.smtp.transcript import AddressTried, RecipientResult, StageReply, TlsFacts, Transcript

__all__ = [
    "AddressTried",
    "Capabilities",
    "Credentials",
    "Endpoint",
    "Envelope",
    "Mechanism",
    "RecipientResult",
    "Session",
    "SessionError",
    "StageReply",
    "TlsFacts",
    "Transcript",
    "converse",
]
