"""Counting attempts over time in coarse buckets, so that an hour of probes stays a few dozen numbers."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The attempts that ended within one span from `at`."""

    at: datetime
    tries: int = 0
    failures: int = 0
    silent: int = 0
    """How many of the failures came without any reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """The attempts of a window, added up."""

    tries: int = 0
    failures: int = 0

    @property
    def share(self) -> float:
        """Failing share, 0 when nothing was tried."""
        return self.failures / self.tries if self.tries else 0.0


Window = tuple[Bucket, ...]
"""Buckets, oldest first."""


def add_try(window: Window, now: datetime, *, failed: bool, silent: bool, bucket: timedelta, keep: timedelta) -> Window:
    """The window with one more attempt; what is older than `keep` is dropped."""
    kept = tuple(b for b in window if b.at > now - keep)
    if not kept or now >= kept[-1].at + bucket:
        kept = (*kept, Bucket(at=now))
    last = kept[-1]
    return (
        *kept[:-1],
        replace(last, tries=last.tries + 1, failures=last.failures + failed, silent=last.silent + (failed and silent)),
    )


def count(window: Iterable[Bucket], since: datetime, *, without_silence: bool = False) -> Count:
    """All attempts of buckets begun after `since`; `without_silence` leaves failures without a reply out entirely."""
    tries = failures = 0
    for bucket in window:
        if bucket.at > since:
            left_out = bucket.silent if without_silence else 0
            tries += bucket.tries - left_out
            failures += bucket.failures - left_out
    return Count(tries=tries, failures=failures)
