"""What this process holds, in memory: mail that comes and goes within a second is not read back in between.

Thread-safe. The rows decide: a mail that is no longer as it is known here is read.
"""

import threading
from collections.abc import Iterable, Mapping

from mailover.core.mail import Settlement
from mailover.storage.mail_settling import Known

_MOST = 5000


class Holding:
    """The mails that were put or leased here and not yet settled."""

    def __init__(self, most: int = _MOST) -> None:
        """Nothing yet; at most so many, of which the oldest go first."""
        self._most = most
        self._known: dict[str, Known] = {}
        self._turn = threading.Lock()

    def add(self, known: Iterable[Known]) -> None:
        """From now on held by us."""
        with self._turn:
            self._known |= {each.mail.id: each for each in known}
            for mail_id in list(self._known)[: max(0, len(self._known) - self._most)]:
                del self._known[mail_id]

    def take(self, settlements: Iterable[Settlement]) -> Mapping[str, Known]:
        """What is known of mails that are to be settled; it is of no use afterwards."""
        with self._turn:
            found = {each.mail: self._known.pop(each.mail, None) for each in settlements}
        return {mail_id: known for mail_id, known in found.items() if known is not None}
