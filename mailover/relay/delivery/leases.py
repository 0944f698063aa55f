"""Which mails this relay holds, and until when it may be sure of it. The time is passed in, in monotonic seconds."""

from collections.abc import Collection, Iterable

_MARGIN = 0.25
"""Part of a lease at whose end nothing is begun any more: another relay's clock and ours need not agree."""


class Leases:
    """Of one relay. A mail that is not held, or not for sure any more, must not be sent."""

    def __init__(self, seconds: float) -> None:
        """How long a lease lasts from when it was asked for."""
        self.seconds = seconds
        self._until: dict[str, float] = {}

    def __contains__(self, mail: str) -> bool:
        return mail in self._until

    def __len__(self) -> int:
        return len(self._until)

    def hold(self, mail: str, asked_at: float) -> None:
        """It was given to us when we asked at that time."""
        self._until[mail] = asked_at + self.seconds * (1 - _MARGIN)

    def sure(self, mail: str, now: float) -> bool:
        """Whether it may be sent."""
        return now < self._until.get(mail, now)

    def renewed(self, asked: Iterable[str], held: Collection[str], asked_at: float) -> None:
        """An answer to a renewal: those that were taken from us are not sent any more."""
        for mail in asked:
            if mail in self._until:
                self._until[mail] = asked_at + self.seconds * (1 - _MARGIN) if mail in held else asked_at

    def drop(self, mail: str) -> None:
        """It is not held any more."""
        self._until.pop(mail, None)

    def all(self) -> tuple[str, ...]:
        """Every mail held."""
        return tuple(self._until)
