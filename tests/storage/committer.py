"""A process that commits without end and prints each version that the store acknowledged; somebody will kill it."""

import sys

from samples import event, first_fleet, next_fleet

from mailover.storage.sql import open_store

store = open_store(sys.argv[1])
fleet = first_fleet()
store.commit(fleet, None)
while True:
    following = next_fleet(fleet, events=fleet.version)
    store.commit(following, fleet, events=[event(fleet.version)])
    fleet = following
    sys.stdout.write(f"{fleet.version}\n")
    sys.stdout.flush()
