"""The mail queue as the relay sees it: one Protocol. No SQL here, and no rules of when to try whom.

Every call is one transaction; calls come from threads, never from an event loop. What concurrent sessions want is
grouped into few calls by `relay.writing`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from mailover.core.mail import Fate, Leased, Mail, QueueDepth, Settlement, Suppression
from mailover.storage.store import Page


class MailQueue(Protocol):
    """Durable mail. Thread-safe; every method may raise StorageError."""

    def put(self, mails: Sequence[tuple[Mail, bytes, str]], *, holder: str, until: datetime) -> tuple[str, ...]:
        """Keep new mails, all or none, leased to `holder` until then; durable when this returns.

        Each comes with its content and a digest of who submitted what: where a mail with that digest was kept within
        the last 24 h it is not kept again, and the earlier one's id is returned in its place.
        """

    def commit(
        self,
        *,
        puts: Sequence[tuple[Mail, bytes, str]] = (),
        settlements: Sequence[Settlement] = (),
        uses: Mapping[date, Mapping[str, int]] = {},
        holder: str,
        now: datetime,
        until: datetime,
    ) -> tuple[str, ...]:
        """What `put`, `settle` and `use` do, all or none of it in one transaction; the ids that `put` would return."""

    def lease(
        self,
        *,
        holder: str,
        now: datetime,
        until: datetime,
        limit: int,
        most_bytes: int,
        without: Collection[str] = (),
    ) -> tuple[Leased, ...]:
        """Take what may be tried now and nobody holds: by priority, then as accepted; at least one if there is any.

        `without` names streams that are not wanted; paused ones are left out by themselves. A mail whose lease ended
        undecided is counted as a handover. One that cannot be read is set aside as failed, one whose key is not known
        waits for it, and the others go on.
        """

    def settle(self, settlements: Sequence[Settlement], *, holder: str, now: datetime) -> None:
        """Write what became of recipients and give the leases back. Where nobody is left, the content is deleted.

        Content is kept for `failed` and `ambiguous`. A mail that `holder` does not hold any more still gets the fates
        (what was sent was sent), but its lease and due time stay as they are. A recipient that was settled before
        stays so, unless it now turns out to be delivered, or perhaps delivered. Unknown mails are passed over.
        """

    def renew(self, ids: Collection[str], *, holder: str, until: datetime) -> frozenset[str]:
        """Hold them longer; those that are still held. One that is not must not be sent any more."""

    def release(self, *, holder: str) -> None:
        """Give back whatever `holder` holds, untried: a graceful end."""

    def inherit(self) -> int:
        """End every lease, each counted as a handover; how many. For a relay that is alone on its store."""

    def next_due(self, now: datetime, without: Collection[str] = ()) -> datetime | None:
        """When the earliest mail that is not held is due, or a lease ends; None when nothing waits.

        Streams that are paused, or named by `without` as in `lease`, are left out where only they make it now.
        """

    def hasten(self, providers: Collection[str], now: datetime, limit: int = 1000) -> int:
        """Make due what waits for one of these providers, or for `any`: those that go first, at most `limit`.

        How many; fewer than the limit when no more wait. In steps, so that 10^6 do not keep others from writing.
        """

    def depths(self) -> Mapping[str, QueueDepth]:
        """By stream. Cheap enough to be asked every few seconds with 10^6 mails queued."""

    def mails(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        stream: str | None = None,
        fate: Fate | None = None,
        recipient: str | None = None,
        newest_first: bool = False,
    ) -> Page[Mail]:
        """Mails as they were accepted; `fate`: some recipient has it. Raises NotFoundError at a bad cursor."""

    def mail(self, mail_id: str) -> Mail | None:
        """One mail."""

    def content(self, mail_id: str) -> bytes | None:
        """Its content while it is kept. UnknownKeyError, a StorageError, where its key is not known."""

    def retry(self, ids: Collection[str], now: datetime) -> int:
        """Queue failed, ambiguous, expired recipients of these again, and make them due; how many mails had any.

        Only where the content is still kept; their time begins anew. What waits becomes due, and counts too.
        """

    def drop(self, ids: Collection[str], now: datetime) -> int:
        """Settle who is queued, failed or ambiguous as `dropped` and delete the content; how many. Held ones too."""

    def pause(self, stream: str, *, paused: bool) -> None:
        """Keep a stream's mail from being leased, or no longer; survives restarts."""

    def suppress(self, suppressions: Sequence[Suppression]) -> None:
        """Remember addresses; the first reason stays."""

    def learn(self, told: Mapping[str, Suppression], now: datetime) -> frozenset[str]:
        """Remember what providers told, by the event they told it in; which events were not told before.

        They are remembered for a week, in the same transaction as the addresses.
        """

    def unsuppress(self, address: str) -> bool:
        """Whether it was remembered."""

    def suppressed(self, addresses: Collection[str]) -> Mapping[str, Suppression]:
        """Those among these addresses that are remembered, by address in lower case."""

    def suppressions(self, *, after: str | None = None, limit: int = 100) -> Page[Suppression]:
        """All of them by address; `after` is an address."""

    def erase(self, address: str) -> int:
        """Forget a person: settled copies, contents that only they would get, the address in every log; how many mails.

        Queued copies are dropped. Of what they sent, sender and content are forgotten too, but where somebody still
        waits for it. A suppression of the address stays, as it is what keeps mail from being sent.
        """

    def used(self, day: date) -> Mapping[str, int]:
        """Recipients that each provider took on that day of its quota."""

    def use(self, day: date, counts: Mapping[str, int]) -> None:
        """Add to what providers took on that day."""

    def tidy(self, now: datetime, keep: Mapping[str, timedelta], usual: timedelta) -> bool:
        """One short step of forgetting what was settled longer ago than its stream keeps; False when all is done."""
