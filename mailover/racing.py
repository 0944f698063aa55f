"""The first good one of several attempts, each begun a little after the last. Nothing here knows what is tried."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class AllFailedError(Exception):
    """Every attempt failed; `errors` are theirs, in the order of failing."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        """`errors` has at least one member."""
        super().__init__("; ".join(str(error) or type(error).__name__ for error in errors))
        self.errors = tuple(errors)


async def first_of(
    attempts: Sequence[Callable[[], Awaitable[T]]],
    *,
    stagger: float,
    discard: Callable[[T], object] = lambda _: None,
) -> T:
    """The result of the first attempt to succeed (RFC 8305 section 5).

    The next attempt starts `stagger` seconds after the last one, or at once when one fails. Losers are cancelled and
    waited for; a loser that had succeeded in the same instant is given to `discard`. Raises AllFailedError.
    """
    waiting = deque(attempts)
    running: set[asyncio.Task[T]] = set()
    errors: list[Exception] = []
    won: list[T] = []
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(_run(waiting.popleft())))
            done, _ = await asyncio.wait(
                running, timeout=stagger if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None:
                    running.discard(task)
                    won.append(task.result())
                    return won[0]
                running.discard(task)
                if not isinstance(error, Exception):
                    raise error
                errors.append(error)
        raise AllFailedError(errors)
    finally:
        try:
            await _end(running, discard)
        except asyncio.CancelledError:
            for result in won:
                discard(result)
            raise


async def _run(attempt: Callable[[], Awaitable[T]]) -> T:
    return await attempt()


async def _end(tasks: set[asyncio.Task[T]], discard: Callable[[T], object]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(outcome, BaseException):
            discard(outcome)
