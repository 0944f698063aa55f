"""What a dialogue comes to that somebody outside has to act upon. Values only."""

from dataclasses import dataclass

from mailover.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """STARTTLS was said and answered: send what there is to say, begin TLS, then call `secured`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Somebody wants to be known; to be answered with yes or no."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A whole message; to be answered when it is kept, or is not."""

    sender: str
    """Empty for the null reverse-path."""
    recipients: tuple[str, ...]
    content: bytes
    """Lines ended by CRLF, dots as they were meant."""
    utf8: bool
    """Whether SMTPUTF8 was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Send what there is to say and close."""

    because: str = ""
    """For the log; empty when the client took its leave."""


Event = Upgrade | Login | Arrived | Ended
