"""The provider catalogue: facts about known mail providers, read from `providers.toml` beside it.

What an operator configured is never known here; nor is any network asked.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One place where a provider takes mail."""

    host: str
    """May contain `{region}`, to be replaced by the account's."""
    regions: tuple[str, ...]
    starttls: tuple[int, ...]
    """Ports in order of preference."""
    implicit: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """What is known about submitting mail to one provider."""

    id: str
    name: str
    aliases: tuple[str, ...]
    smtp: tuple[Submission, ...]
    """Empty for providers that take no mail over SMTP."""
    username: str | None
    """What every account logs in with; None when each has its own."""


@cache
def catalogue() -> Mapping[str, CatalogueEntry]:
    """Every known provider by its id."""
    return MappingProxyType({id_: _entry(id_, fact) for id_, fact in _facts().items()})


def dns_facts(id_: str) -> Mapping[str, Any]:
    """Everything that the file says of one provider, as it stands there; what it means is read in `conventions`."""
    return MappingProxyType(_facts()[id_])


@cache
def _facts() -> dict[str, dict[str, Any]]:
    text = files("dns_checks").joinpath("providers.toml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = tomllib.loads(text)["providers"]
    return found


def find_entry(word: str) -> CatalogueEntry | None:
    """The provider with this id or alias."""
    entries = catalogue()
    return entries.get(word) or next((entry for entry in entries.values() if word in entry.aliases), None)


def similar_words(word: str) -> list[str]:
    """Ids and aliases that somebody who wrote `word` may have meant, the best first."""
    words = [known for entry in catalogue().values() for known in (entry.id, *entry.aliases)]
    return get_close_matches(word, words, n=3)


def _entry(id_: str, fact: dict[str, Any]) -> CatalogueEntry:
    return CatalogueEntry(
        id=id_,
        name=fact["name"],
        aliases=tuple(fact.get("aliases", ())),
        smtp=tuple(_submission(place) for place in fact["smtp"]),
        username=fact.get("username"),
    )


def _submission(place: dict[str, Any]) -> Submission:
    return Submission(
        host=place["host"],
        regions=tuple(place["regions"]),
        starttls=tuple(place["starttls"]),
        implicit=tuple(place["implicit"]),
    )
