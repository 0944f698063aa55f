"""A bot's way of telling: one living message per incident, its steps in its thread, everything else a plain post.

Each event makes at most one new message; a headline rewritten twice is the same headline. Where the channel would
drown, the rest of the hour is gathered in one thread.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from mailover.alerts.messages import Message, message
from mailover.alerts.notebook import Crowd, Notebook, Thread
from mailover.alerts.runbook import NOWHERE, Links
from mailover.alerts.slack_api import MessageGoneError
from mailover.alerts.slack_blocks import payload
from mailover.alerts.slack_bot import Place, SlackBot
from mailover.alerts.slack_buttons import buttons
from mailover.alerts.stories import ENDINGS, Story, begun, continued, loud, returned, shown
from mailover.alerts.transport import DeliveryError
from mailover.clock import Clock
from mailover.core.events import Event, EventType, Severity

_HOUR = timedelta(hours=1)
_SOON = timedelta(seconds=1)


class LivingMessages:
    """A transport."""

    def __init__(
        self,
        bot: SlackBot,
        notes: Notebook,
        clock: Clock,
        *,
        links: Links = NOWHERE,
        posts_an_hour: int = 30,
        pressable: bool = False,
    ) -> None:
        """Nothing is sent yet. `posts_an_hour`: what a channel takes before the rest is gathered in a thread.

        `pressable`: somebody hears the buttons, so they are shown.
        """
        self._bot = bot
        self._notes = notes
        self._clock = clock
        self._links = links
        self._most = posts_an_hour
        self._pressable = pressable

    def __call__(self, event: Event) -> None:
        """Tell one event. Raises DeliveryError; telling it again goes on where it stopped."""
        incident = event.data.get("incident")
        if not isinstance(incident, str) or event.data.get("shadow"):
            self._post(payload(message(event, self._clock.now()), self._links))
            self._see_return(event)
            return
        thread = self._notes.thread(incident)
        if thread is None:
            if event.type not in ENDINGS:  # of what nobody was told, nobody needs to hear the end
                self._open(Thread(story=begun(event, incident)), event)
        elif event.id not in {thread.told, thread.shown}:
            self._go_on(replace(thread, story=continued(thread.story, event)), event)
        elif thread.shown != event.id:
            self._show(thread, event)

    # -- one incident -------------------------------------------------------------------------------------------------

    def _open(self, thread: Thread, event: Event) -> None:
        """Post the headline; it says what the event says."""
        place, root = self._post(self._words(thread.story))
        self._notes.keep(replace(thread, place=place, root=root, told=event.id, shown=event.id))

    def _go_on(self, thread: Thread, event: Event) -> None:
        """A step in the thread, then the headline."""
        if thread.place is None:
            self._open(thread, event)
            return
        words = payload(message(event, self._clock.now()), self._links)
        crowd = self._notes.crowd()
        broadcast = loud(event) and thread.root is None and not self._crowded(crowd)
        try:
            self._bot.post(words, thread=thread.root or thread.place, broadcast=broadcast)
        except MessageGoneError:
            self._open(thread, event)
            return
        thread = replace(thread, told=event.id)
        self._notes.keep(thread)
        if broadcast:
            self._count(crowd)
        self._show(thread, event)

    def _show(self, thread: Thread, event: Event) -> None:
        """Rewrite the headline; where it is gone, post it anew a moment later, since its step was posted just now."""
        if thread.place is None:
            self._open(thread, event)
            return
        try:
            self._bot.update(thread.place, self._words(thread.story))
        except MessageGoneError as error:
            self._notes.keep(replace(thread, place=None, root=None))
            raise DeliveryError(f"{error}; it is posted anew", retry_after=_SOON) from None
        self._notes.keep(replace(thread, shown=event.id))

    def _words(self, story: Story) -> dict[str, object]:
        return payload(shown(story), self._links, buttons(story) if self._pressable else ())

    def _see_return(self, event: Event) -> None:
        """Mail that returned by itself takes the way back off the messages of incidents that are over."""
        for thread in self._notes.ended() if self._pressable and event.type is EventType.FAILBACK_HAPPENED else ():
            story = returned(thread.story, event)
            if story == thread.story or thread.place is None:
                continue
            with suppress(DeliveryError):  # a button too many asks for what is done already
                self._bot.update(thread.place, self._words(story))
            self._notes.keep(replace(thread, story=story))

    # -- the channel --------------------------------------------------------------------------------------------------

    def _post(self, body: dict[str, object]) -> tuple[Place, Place | None]:
        """A message that all see, or one in the gathering thread: where it stands, and that thread's first message."""
        crowd = self._notes.crowd()
        if not self._crowded(crowd):
            place = self._bot.post(body)
            self._count(crowd)
            return place, None
        if crowd.gathering is None or self._old(crowd.gathering_since):
            gathering = self._bot.post(payload(_too_many(self._most), self._links))
            self._notes.keep_crowd(replace(crowd, gathering=gathering, gathering_since=self._clock.now()))
            raise DeliveryError("too many alerts: the rest of the hour goes into one thread", retry_after=_SOON)
        try:
            return self._bot.post(body, thread=crowd.gathering), crowd.gathering
        except MessageGoneError as error:
            self._notes.keep_crowd(replace(crowd, gathering=None))
            raise DeliveryError(f"{error}; it is posted anew", retry_after=_SOON) from None

    def _crowded(self, crowd: Crowd) -> bool:
        return sum(not self._old(at) for at in crowd.posted_at) >= self._most

    def _count(self, crowd: Crowd) -> None:
        kept = (at for at in crowd.posted_at if not self._old(at))
        self._notes.keep_crowd(replace(crowd, posted_at=(*kept, self._clock.now())))

    def _old(self, at: datetime | None) -> bool:
        return at is None or at <= self._clock.now() - _HOUR


def _too_many(most: int) -> Message:
    return Message(
        severity=Severity.CRITICAL,
        good=False,
        headline="many alerts at once: the rest is in this thread",
        because=f"more than {most} messages within an hour; everything that follows is told here, in order",
    )
