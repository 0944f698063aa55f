"""Where mail is handed over and looked after by whoever is not the relay: the API and, through it, the command line.

The relay offers to take mail here; without one everything is refused with the reason. Nothing is sent from here.
"""

from collections.abc import Callable

from mailover.core.mail import Submission
from mailover.errors import UnavailableError

Inlet = Callable[[Submission], str]
"""Takes a message durably and returns its id. Blocks. Raises RefusedError for one that can never be taken (with what is
wrong with it), UnavailableError for one that cannot be taken now."""


class MailDesk:
    """Thread-safe."""

    def __init__(self) -> None:
        self._inlet: Inlet | None = None

    def offer(self, inlet: Inlet | None) -> None:
        """The relay offers to take mail, or no longer."""
        self._inlet = inlet

    def submit(self, submission: Submission) -> str:
        """Hand a message over; it is durable when this returns its id."""
        if self._inlet is None:
            raise UnavailableError("no relay is running: the config has no table [relay]")
        return self._inlet(submission)
