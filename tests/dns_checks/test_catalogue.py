"""The provider catalogue: every entry has its whole shape, and each fact a source or the admission that it has none."""

import re
import tomllib
from importlib.resources import files
from typing import Any

import pytest

from dns_checks.catalogue import catalogue, find_entry, similar_words

DATA: dict[str, Any] = tomllib.loads(files("dns_checks").joinpath("providers.toml").read_text(encoding="utf-8"))
PROVIDERS: dict[str, dict[str, Any]] = DATA["providers"]
ALWAYS = {"name", "smtp", "envelope", "spf_include", "return_path", "dkim", "status", "unverified", "source"}
HINTS = {"aliases", "username", "username_hint", "password_hint", "auth"}
SOMETIMES = HINTS | {"spf_where", "mx", "ownership", "limits", "replies", "notes"}
KINDS = {"auth", "suspended", "quota", "reputation", "policy", "rate_limit", "transient", "message_permanent"}

every_provider = pytest.mark.parametrize("fact", PROVIDERS.values(), ids=list(PROVIDERS))


@every_provider
def test_an_entry_has_its_keys_and_no_others(fact: dict[str, Any]) -> None:
    assert set(fact) >= ALWAYS
    assert set(fact) - ALWAYS <= SOMETIMES


@every_provider
def test_places_of_submission_are_complete(fact: dict[str, Any]) -> None:
    for place in fact["smtp"]:
        assert set(place) - {"note"} == {"host", "regions", "starttls", "implicit"}
        assert all(1 <= port <= 65535 for port in place["starttls"] + place["implicit"])
        assert place["starttls"] or place["implicit"]
        assert re.fullmatch(r"[a-z0-9.{}-]*", place["host"])
        assert all(re.fullmatch(r"[a-z0-9-]+", region) for region in place["regions"])
    regions = [region for place in fact["smtp"] for region in place["regions"]]
    assert len(regions) == len(set(regions))
    assert not {"username", "username_hint"} <= set(fact)


@every_provider
def test_dns_facts_are_complete(fact: dict[str, Any]) -> None:
    words = {"from", "custom", "provider", "domain"}
    assert {fact["envelope"]["default"], fact["envelope"]["best"]} <= words
    assert set(fact["envelope"]) <= {"default", "best", "host"}
    assert all(set(path) == {"host", "type", "target", "when"} for path in fact["return_path"])
    assert all(set(key) == {"selector", "type", "target"} for key in fact["dkim"])
    assert all(re.fullmatch(r"[a-z0-9_.-]+", name) for name in fact["spf_include"])
    assert fact["status"]["kind"] in {"statuspage", "statuspage_compat", "sorry", "rss", "json", "none"}
    assert fact["status"]["kind"] == "none" or fact["status"]["api"].startswith("https://")
    assert set(fact.get("replies", {})) <= KINDS


@every_provider
def test_every_source_is_in_the_list_of_sources(fact: dict[str, Any]) -> None:
    named = [re.sub(r"\(.*", "", part).strip() for line in fact["source"].values() for part in line.split(",")]
    assert set(named) <= set(DATA["sources"])


def test_every_source_is_used() -> None:
    used = " ".join(line for fact in PROVIDERS.values() for line in fact["source"].values())
    assert [source for source in DATA["sources"] if not re.search(rf"\b{source}\b", used)] == []


def test_the_catalogue_has_what_the_data_has() -> None:
    assert list(catalogue()) == list(PROVIDERS)
    postmark = catalogue()["postmark"]
    assert postmark.smtp[0].host == "smtp.postmarkapp.com"
    assert postmark.smtp[0].starttls == (587, 2525, 25)
    assert postmark.username is None
    assert catalogue()["sendgrid"].username == "apikey"


def test_ids_and_aliases_lead_to_one_entry_each() -> None:
    words = [word for entry in catalogue().values() for word in (entry.id, *entry.aliases)]
    assert len(words) == len(set(words))
    for entry in catalogue().values():
        assert all(find_entry(word) == entry for word in (entry.id, *entry.aliases))
    assert find_entry("nobody") is None


def test_a_misspelt_word_is_guessed() -> None:
    assert similar_words("postmrk") == ["postmark"]
