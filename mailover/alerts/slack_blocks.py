"""A message as Slack shows it: Block Kit and a plain fallback. Foreign words stay words: no link, no @channel."""

import re
from collections.abc import Mapping, Sequence

from mailover.alerts import runbook
from mailover.alerts.messages import Message
from mailover.alerts.runbook import NOWHERE, Links
from mailover.core.events import Severity

_SIGNS: Mapping[Severity, str] = {
    Severity.CRITICAL: "\N{LARGE RED CIRCLE}",
    Severity.WARNING: "\N{LARGE ORANGE CIRCLE}",
    Severity.INFO: "\N{LARGE BLUE CIRCLE}",
}
_GOOD = "\N{LARGE GREEN CIRCLE}"
_HEADER_LIMIT = 150
_TEXT_LIMIT = 2000
"""Slack takes 3000 characters, after escaping."""
_LINK_LIMIT = 1000
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_CALLS_EVERYBODY = re.compile(r"@(?=channel|here|everyone)", re.IGNORECASE)
_WORD_JOINER = "\N{WORD JOINER}"


def payload(message: Message, links: Links = NOWHERE, buttons: Sequence[dict[str, object]] = ()) -> dict[str, object]:
    """The arguments of chat.postMessage, all but the channel; an incoming webhook takes the same."""
    headline = f"{_GOOD if message.good else _SIGNS[message.severity]} {message.headline}"
    facts = [f"{word}: {value}" for word, value in message.facts]
    page = None if message.about is None else runbook.page(message.about, links)
    if page is not None and links.runbook is None:
        facts.append(f"what to do: {page}")
    return {
        "text": escaped(_in_one(headline, message.because), _TEXT_LIMIT),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [
            {"type": "header", "text": _plain(headline, _HEADER_LIMIT)},
            {"type": "section", "text": _plain(message.because or message.headline, _TEXT_LIMIT)},
            {"type": "context", "elements": [_plain("\n".join(facts) or message.severity, _TEXT_LIMIT)]},
            *_linked(page, links),
            *buttons,
        ],
    }


def _in_one(headline: str, because: str) -> str:
    """Both in one line, for a phone's screen; a reason that begins as the headline ends does not say it twice."""
    end = re.split(r": |^\S ", headline)[-1]
    return headline.removesuffix(end) + because if because.startswith(f"{end}: ") else f"{headline}: {because}"


def _linked(page: str | None, links: Links) -> list[dict[str, object]]:
    """Links of our own config; nobody else's words come in here."""
    named = [("What to do", page if links.runbook else None), ("Open mailover", links.home)]
    shown = [f"<{escaped(url, _LINK_LIMIT).replace('|', '%7C')}|{name}>" for name, url in named if url]
    return [{"type": "context", "elements": [{"type": "mrkdwn", "text": "  ".join(shown)}]}] if shown else []


def escaped(text: str, limit: int) -> str:
    """At most `limit` characters as Slack counts them, printable, meaning nothing but themselves."""
    printable = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    quiet = _CALLS_EVERYBODY.sub(f"@{_WORD_JOINER}", printable)
    pieces = [_ENTITIES.get(c, c) for c in quiet]
    length = 0
    for number, piece in enumerate(pieces):
        length += len(piece)
        if length > limit:
            return _shortened(pieces[:number], limit)
    return "".join(pieces)


def _shortened(pieces: list[str], limit: int) -> str:
    while pieces and sum(map(len, pieces)) > limit - 1:
        pieces.pop()
    return "".join(pieces) + "\N{HORIZONTAL ELLIPSIS}"


def _plain(text: str, limit: int) -> dict[str, object]:
    return {"type": "plain_text", "text": escaped(text, limit), "emoji": False}
