"""Where mail is handed over and looked after by whoever is not the relay: the API and, through it, the command line.

The relay offers to take mail here; without one everything new is refused with the reason. Nothing is sent from here.
"""

from collections.abc import Callable

from mailover.clock import Clock
from mailover.core.mail import Submission
from mailover.errors import UnavailableError
from mailover.storage.store import Store

Inlet = Callable[[Submission], str]
"""Takes a message durably and returns its id. Blocks. Raises RefusedError for one that can never be taken (with what is
wrong with it), UnavailableError for one that cannot be taken now."""


class MailDesk:
    """Thread-safe."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._inlet: Inlet | None = None
        self._wake: Callable[[], None] | None = None

    def offer(self, inlet: Inlet | None, wake: Callable[[], None] | None = None) -> None:
        """The relay offers to take mail, and to be woken when somebody changed what waits; or no longer."""
        self._inlet, self._wake = inlet, wake

    def submit(self, submission: Submission) -> str:
        """Hand a message over; it is durable when this returns its id."""
        if self._inlet is None:
            raise UnavailableError("no relay is running: the config has no table [relay]")
        return self._inlet(submission)

    def retry(self, mail_id: str) -> None:
        """Try a mail now, and again whom it could not reach."""
        self._store.mail.retry([mail_id], self._clock.now())
        self._tell()

    def drop(self, mail_id: str) -> None:
        """Send a mail to nobody any more."""
        self._store.mail.drop([mail_id], self._clock.now())

    def pause(self, stream: str, *, paused: bool) -> None:
        """Keep a stream's mail from being sent, or no longer."""
        self._store.mail.pause(stream, paused=paused)
        self._tell()

    def _tell(self) -> None:
        if (wake := self._wake) is not None:
            wake()
