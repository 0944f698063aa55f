"""A relay that keeps what it is given in the real queue and sends nothing: what the API of mail is tested against."""

from datetime import timedelta
from itertools import count

from api_house import House

from mailover.core.mail import Fate, Mail, Recipient, Settlement, Submission
from mailover.core.observations import Failure, FailureKind, Stage
from mailover.errors import TooLargeError, UnavailableError

HOLDER = "relay-of-the-test"


class KeepingRelay:
    """Offers to take mail, and settles it as a test says."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._numbers = count(1)
        self.woken = 0
        self.mute = False
        """Keeps what it is given, and does not get to say so."""
        self.largest = 30_000_000
        house.service.mail.offer(self.take, self.wake)

    def take(self, submission: Submission) -> str:
        if len(submission.content) > self.largest:
            raise TooLargeError("larger than this relay takes")
        now = self._house.clock.now()
        mail = Mail(
            id=f"msg_{next(self._numbers):026}",
            stream=submission.stream,
            sender=submission.sender,
            recipients=tuple(Recipient(address=each) for each in submission.recipients),
            size=len(submission.content),
            accepted_at=now,
            by=submission.by,
            message_id="<one@example.com>",
        )
        given = [(mail, submission.content, submission.call or mail.id)]
        kept = self._house.store.mail.put(given, holder=HOLDER, until=now + timedelta(minutes=1))[0]
        if self.mute:
            raise UnavailableError("kept, but too late to say so")
        return kept

    def wake(self) -> None:
        self.woken += 1

    def settle(self, mail_id: str, fate: Fate, text: str = "") -> None:
        """Everybody's copy comes to this."""
        store, now = self._house.store.mail, self._house.clock.now()
        mail = store.mail(mail_id)
        assert mail is not None
        failure = Failure(kind=FailureKind.RECIPIENT, stage=Stage.RCPT, code=550, text=text) if text else None
        copies = tuple(
            Recipient(address=each.address, fate=fate, attempts=1, provider="ses", failure=failure, settled_at=now)
            for each in mail.recipients
        )
        store.settle([Settlement(mail=mail_id, recipients=copies)], holder=HOLDER, now=now)
