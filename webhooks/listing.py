"""Pages of lists that are short and in memory; those of the logs are the store's business."""

from collections.abc import Iterable, Sequence

from mailover.errors import NotFoundError
from webhooks.asked import Listing


def piece(names: Iterable[str], query: Listing) -> tuple[Sequence[str], str | None]:
    """What was asked for of a list, and where it goes on. Raises NotFoundError when it has no `after` any more."""
    left = list(names)
    if query.after is not None:
        if query.after not in left:
            raise NotFoundError(f"the list knows no {query.after!r} to go on from")
        left = left[left.index(query.after) + 1 :]
    found = left[: query.limit]
    return found, found[-1] if len(found) < len(left) else None
