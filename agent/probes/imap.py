"""The mailbox read by IMAP: a test message is searched in all its folders until the deadline, then the house is swept.

Only own nonces and the own agent's mark are ever searched for. Its troubles are told as `Unreadable`.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.probes.arrivals import Arrival, Arrivals, Fate, Found, Missing, Unreadable
from agent.probes.headers import Headers, read_headers
from agent.probes.imap_client import (
    ImapClient,
    ImapError,
    ImapRefusedError,
    LoginRefusedError,
    quote_folder,
    trouble_of,
)
from agent.probes.imap_responses import ImapProtocolError
from agent.probes.marks import AGENT_HEADER, PROBE_HEADER, check_agent, is_nonce, nonce_of
from mailover.resolve import Resolver
from mailover.smtp import Credentials, Endpoint

_log = logging.getLogger("mailover.probes.imap")

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 5.0
_SWEEP_SECONDS = 10.0
_WINDOW = 2000
"""UIDs regarded at once, so that a search in a huge folder stays cheap and its answer short."""
_MOST_LEFTOVERS = 20
_OLD = timedelta(days=2)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TROUBLES = (ImapError, ImapProtocolError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapAccount:
    """A mailbox and the folders in which a test message may end."""

    endpoint: Endpoint
    credentials: Credentials
    folders: tuple[str, ...] = ("INBOX",)

    def __post_init__(self) -> None:
        if not self.folders:
            raise ValueError("a mailbox needs a folder")
        for folder in self.folders:
            quote_folder(folder)


@dataclass(slots=True, kw_only=True)
class _Search:
    """One look for one message: until when, what came of it, and how recently the folders were all read."""

    nonce: str
    started: float
    until: float
    verdict: "asyncio.Future[Found]"
    looked_at: float | None = None
    trouble: str = "the server did not answer in time"
    unreadable: dict[str, str] = field(default_factory=dict)

    def tell(self, found: Found) -> None:
        """Say what came of it; the first word counts."""
        if not self.verdict.done():
            self.verdict.set_result(found)

    def at_the_end(self) -> Found:
        """Not found: missing if all folders were read until near the end, else nothing is known."""
        near = max(self.started, self.until - max(2 * _LONGEST_PAUSE, (self.until - self.started) / 4))
        if self.looked_at is not None and self.looked_at >= near:
            return Missing(looked=True)
        if self.unreadable:
            return Unreadable(text="; ".join(f"{folder}: {why}" for folder, why in self.unreadable.items()))
        return Unreadable(text=self.trouble)


class ImapMailbox:
    """Looks by IMAP, with one connection per message looked for. Arrivals are timed to one pause (1 to 5 s)."""

    def __init__(
        self, account: ImapAccount, *, agent: str, arrivals: Arrivals, resolver: Resolver, now: Callable[[], datetime]
    ) -> None:
        """`agent` is the mark that this agent's nonces begin with; `now` dates what is old enough to be swept."""
        check_agent(agent)
        self._account = account
        self._agent = agent
        self._arrivals = arrivals
        self._resolver = resolver
        self._now = now
        self._running: set[asyncio.Task[None]] = set()
        self._swept_down_to: dict[str, int] = {}

    async def open(self) -> None:
        """Connections are made when something is looked for."""

    async def find(self, nonce: str, *, within: float) -> Found:
        """Search all folders again and again until it is found or the time is up. Sweeping goes on afterwards."""
        if not is_nonce(nonce):
            raise ValueError("only own nonces are searched for")
        loop = asyncio.get_running_loop()
        started = loop.time()
        search = _Search(nonce=nonce, started=started, until=started + within, verdict=loop.create_future())
        task = asyncio.create_task(self._search(search), name=f"imap-{nonce[:12]}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await search.verdict
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def idle(self) -> None:
        """Returns when nothing is searched or swept any more."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def close(self) -> None:
        """Stop searching and sweeping."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    # -- looking --------------------------------------------------------------------------------------------------

    async def _search(self, search: _Search) -> None:
        """Look until the end, with a new connection after each trouble except a refused login."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        try:
            while not search.verdict.done() and loop.time() < search.until:
                try:
                    await self._session(search)
                except LoginRefusedError as exc:
                    search.tell(Unreadable(text=trouble_of(exc)))
                except (*_TROUBLES, TimeoutError) as exc:
                    search.trouble = trouble_of(exc)
                    await asyncio.sleep(max(0.0, min(pause, search.until - loop.time())))
                    pause = min(2 * pause, _LONGEST_PAUSE)
        except Exception as exc:  # noqa: BLE001 -- the round trip must not wait for ever because of a defect here
            _log.exception("a search of the mailbox ended by a defect")
            search.trouble = f"a defect in mailover: {type(exc).__name__}"
        finally:
            search.tell(search.at_the_end())

    async def _session(self, search: _Search) -> None:
        client: ImapClient | None = None
        try:
            async with asyncio.timeout_at(search.until):
                client = await ImapClient.connect(self._account.endpoint, self._resolver)
                await client.login(self._account.credentials)
            await self._look_until_found(client, search)
            search.tell(search.at_the_end())
            with suppress(*_TROUBLES, TimeoutError):
                async with asyncio.timeout(_SWEEP_SECONDS):
                    await self._sweep(client)
                    await client.logout()
        finally:
            if client is not None:
                client.close()

    async def _look_until_found(self, client: ImapClient, search: _Search) -> None:
        """Round after round; the time runs out between rounds or, with a server that hangs, within one."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while True:
            async with asyncio.timeout_at(search.until):
                for folder in self._account.folders:
                    await self._look_into(client, folder, search)
                    if search.verdict.done():
                        return
            if not search.unreadable:
                search.looked_at = loop.time()
            if loop.time() + pause >= search.until:
                await asyncio.sleep(max(0.0, search.until - loop.time()))
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    async def _look_into(self, client: ImapClient, folder: str, search: _Search) -> None:
        try:
            selected = await client.select(folder)
        except ImapRefusedError as exc:
            search.unreadable[folder] = trouble_of(exc)
            return
        search.unreadable.pop(folder, None)
        marked = f"OR HEADER {PROBE_HEADER} {search.nonce} SUBJECT {search.nonce}"
        for uid in await client.search(f"{_newest(selected.uid_next)} {marked}"):
            headers = await _headers(client, uid)
            if nonce_of(headers) == search.nonce:
                search.tell(Arrival(nonce=search.nonce, folder=folder, headers=headers, at=self._now()))
                await client.delete([uid])
                return

    # -- sweeping -------------------------------------------------------------------------------------------------

    async def _sweep(self, client: ImapClient) -> None:
        """Delete what came late, once it is reported, and what this agent's test messages left behind long ago."""
        for folder in self._account.folders:
            try:
                selected = await client.select(folder)
            except ImapRefusedError:
                continue
            await self._sweep_newest(client, folder, _newest(selected.uid_next))
            if selected.uid_next is not None:
                await self._sweep_old(client, folder, selected.uid_next)

    async def _sweep_newest(self, client: ImapClient, folder: str, window: str) -> None:
        marked = f"OR HEADER {AGENT_HEADER} {self._agent} SUBJECT {self._agent}"
        leftovers = []
        for uid in (await client.search(f"{window} {marked}"))[-_MOST_LEFTOVERS:]:
            headers = await _headers(client, uid)
            nonce = nonce_of(headers)
            if nonce is None or self._arrivals.expects(nonce):
                continue
            # what nobody here knows may be awaited by another process of the same name; it goes when it is old
            if self._arrivals.arrived(nonce, folder=folder, headers=headers) is Fate.LATE:
                leftovers.append(uid)
        if leftovers:
            await client.delete(leftovers)

    async def _sweep_old(self, client: ImapClient, folder: str, uid_next: int) -> None:
        """One window further down each time, and from the top again after the last: 10^5 old messages go bit by bit."""
        top = self._swept_down_to.get(folder, uid_next)
        top = uid_next if top <= 1 else min(top, uid_next)
        bottom = max(1, top - _WINDOW)
        before = self._now() - _OLD
        date = f"{before.day}-{_MONTHS[before.month - 1]}-{before.year}"
        marked = f"HEADER {AGENT_HEADER} {self._agent} HEADER {PROBE_HEADER} {self._agent}"
        old = await client.search(f"UID {bottom}:{top} BEFORE {date} {marked}")
        if old:
            await client.delete(old)
        self._swept_down_to[folder] = bottom


def _newest(uid_next: int | None) -> str:
    return "ALL" if uid_next is None else f"UID {max(1, uid_next - _WINDOW)}:*"


async def _headers(client: ImapClient, uid: int) -> Headers:
    return read_headers(await client.fetch_headers(uid) or b"")
