"""One bounce or complaint, in one vocabulary for all providers, and the request that it came in. Values only."""

import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mailover.secrets import Secret

Fetch = Callable[[str, str], bytes]
"""Host and path to a small file. Raises NotFetchedError."""

_ADDRESS = re.compile(r"[^\s@<>\x00-\x1f\x7f]{1,64}@[^\s@<>\x00-\x1f\x7f]{1,255}")
_LONGEST_TEXT = 300


class What(StrEnum):
    """Why an address gets no more mail; the words of `Suppression.reason`."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One recipient that does not exist, or does not want our mail."""

    event: str
    """The provider's id of it: told again, it is the same."""
    what: What
    address: str
    """In lower case."""
    text: str = ""
    fresh: bool = True
    """Whether mail came back now; else the provider only says that it would not even try, for what was before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came."""

    headers: Mapping[str, str]
    """Names in lower case."""
    shown: str
    """The secret that it shows, empty for none."""
    body: bytes


class UnreadableError(Exception):
    """The body is not what this provider sends; the text says why."""


def same(expected: Secret, shown: str) -> bool:
    """Whether the secret is the one, in a time that tells nothing."""
    return hmac.compare_digest(expected.reveal().encode(), shown.encode("utf-8", "surrogatepass"))


def parse(body: bytes | str) -> Any:
    """The JSON in it. Raises UnreadableError."""
    try:
        return json.loads(body)
    except RecursionError:
        raise UnreadableError("it is nested too deeply") from None
    except ValueError:
        raise UnreadableError("it is no JSON") from None


def table(value: object) -> Mapping[str, Any]:
    """An object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def listing(value: object) -> list[Any]:
    """A list, or an empty one in place of anything else."""
    return value if isinstance(value, list) else []


def words(value: object) -> str:
    """A text that any store can keep, not too long; empty for what is none."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
    return text[:_LONGEST_TEXT].encode("utf-8", "replace").decode().replace("\0", "")


def told(event: str, what: What, address: object, text: str = "", *, fresh: bool = True) -> tuple[Told, ...]:
    """It as a value; nothing when there is no address in it."""
    found = words(address).strip().lower()
    if not _ADDRESS.fullmatch(found):
        return ()
    return (Told(event=f"{event}/{found}", what=what, address=found, text=text, fresh=fresh),)
