"""A process that commits and delivers without end, and prints what the store acknowledged; somebody will kill it."""

import sys
from datetime import timedelta

from samples import NOON, event, first_fleet, next_fleet, settle

from mailover.storage.sql import SqlStore, open_store

LEASE = timedelta(seconds=1)


def tell(word: str, what: object) -> None:
    sys.stdout.write(f"{word} {what}\n")
    sys.stdout.flush()


def deliver_one(store: SqlStore, version: int) -> None:
    """As a courier does it, at an instant when every lease of a predecessor has ended."""
    for due in store.outbox_due("slack", now=NOON + timedelta(seconds=10 * version), limit=1, lease=LEASE):
        settle(store, due)
        tell("delivered", due.event.id)


def run(url: str, rounds: int | None = None) -> None:
    """Go on from where the last one was killed."""
    store = open_store(url)
    fleet = store.load()
    if fleet is None:
        fleet = first_fleet()
        store.commit(fleet, None)
    while rounds is None or rounds > 0:
        rounds = None if rounds is None else rounds - 1
        following = next_fleet(fleet, events=fleet.version)
        made = event(fleet.version)
        store.commit(following, fleet, events=[made], endpoints=lambda _event: ["slack"])
        fleet = following
        tell("committed", made.id)
        if fleet.version % 2 == 0:
            deliver_one(store, fleet.version)
    store.close()


if __name__ == "__main__":
    run(sys.argv[1])
