"""An application that cannot read a flag: it hands its mail to the relay by SMTP, and that is all it knows.

It knows nothing of the providers, and one address.
"""

import smtplib
import threading

MEMBER = "member@example.com"

_PATIENCE = 5.0
_MESSAGE = b"From: club@example.com\r\nSubject: Your login code\r\nX-Number: %d\r\n\r\n%06d\r\n"


class SimpleApplication:
    """Hands over a message again and again, from a thread of its own."""

    def __init__(self, host: str, port: int, *, every: float = 0.25) -> None:
        """`every` is the seconds between messages."""
        self.host = host
        self.port = port
        self.taken = 0
        """Messages that the relay answered with 250."""
        self.refused = 0
        self._every = every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-simple-application", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more; returns when the message under way has been answered."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(2 * _PATIENCE)

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            number = self.taken + 1
            try:
                with smtplib.SMTP(self.host, self.port, local_hostname="club.test", timeout=_PATIENCE) as client:
                    client.sendmail("club@example.com", [MEMBER], _MESSAGE % (number, number))
            except (OSError, smtplib.SMTPException):
                self.refused += 1
            else:
                self.taken = number
