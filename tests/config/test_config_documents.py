"""The example and the reference stay true: every key is in both, and nothing else is."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import reference

from mailover.config import build, load
from mailover.config.outlets import ServerSettings, StorageSettings
from mailover.config.watching import BreakerSettings, ProbesSettings

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
OFF = re.compile(r"# (?=\[+[a-z_.]+\]+$|[a-z_]+ = )")
NAMES = re.compile(r"^(tokens|providers|streams|webhooks|dns\.providers|adapters\.hooks|relay\.listeners)\.[a-z0-9-]+")

NAMES_INSIDE = re.compile(r"^(streams\.\*\.identity)\.[a-z0-9-]+")


def keys_of_the_example() -> Iterator[tuple[str, str]]:
    table = ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        on = OFF.sub("", line, count=1)
        if header := re.fullmatch(r"\[+([a-z_.0-9-]+)\]+", on):
            table = NAMES_INSIDE.sub(r"\1.*", NAMES.sub(r"\1.*", header[1]))
        elif key := re.match(r"([a-z_]+) = ", on):
            yield table, key[1]


def test_the_example_loads_as_it_is() -> None:
    settings = load(EXAMPLE, {})
    assert list(settings.providers) == ["postmark", "sendgrid", "ses"]


def test_the_example_has_every_key_and_no_other() -> None:
    assert set(keys_of_the_example()) == set(reference.every_key())


def test_the_example_shows_the_defaults() -> None:
    settings = load(EXAMPLE, {})
    assert settings.probes == ProbesSettings()
    assert settings.breaker == BreakerSettings()
    assert settings.server == ServerSettings()
    assert settings.storage == StorageSettings()


def test_what_is_off_in_the_example_is_right_too() -> None:
    """All keys switched on at once, but for files that are not here and the second of two alternatives."""
    lines = (OFF.sub("", line, count=1) for line in EXAMPLE.read_text(encoding="utf-8").splitlines())
    kept = (line for line in lines if not re.match(r"\w+_file = |webhook_url = |region = ", line))
    document = tomllib.loads("\n".join(kept))
    document["providers"]["ses"]["region"] = "eu-west-1"
    settings = build(document, {})
    assert settings.round_trip is not None
    assert settings.slack is not None
    assert settings.dns is not None
    assert settings.relay is not None
    assert settings.adapters.dns_update is not None
    assert settings.streams["transactional"].peak_hours
    assert settings.streams["transactional"].geography
    assert settings.streams["transactional"].identity


def test_every_key_has_its_reason_above_it() -> None:
    """But for the `_file` twin of a secret, and where a later table says a key again."""
    told: set[str] = set()
    above = ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if key := re.match(r"(?:# )?([a-z_]+) = ", line):
            reasoned = above.startswith("# ") and not OFF.match(above)
            assert reasoned or key[1] in told or key[1].removesuffix("_file") in told, line
            told.add(key[1])
        above = line


def test_the_reference_is_what_the_models_say() -> None:
    assert reference.documented() == reference.reference(), "run: python tests/config/reference.py"
