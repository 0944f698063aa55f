"""The settings shown to people: as the TOML that would give them, secrets masked, and what deserves a warning."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from enum import Enum
from itertools import combinations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from dns_checks.catalogue import find_entry
from dns_checks.kinship import kinship
from mailover.config.durations import format_duration
from mailover.config.providers import ProviderSettings
from mailover.config.settings import Settings
from mailover.config.shape import keys, secret_keys, tables
from mailover.core.providers import StreamMode
from mailover.core.sentences import listed
from mailover.secrets import HIDDEN, Secret
from mailover.selectors import known

_OTHERS_MAY_READ = 0o077


def show(settings: Settings) -> str:
    """The effective config as TOML: presets, profile and environment applied, every secret masked."""
    values = _plain(settings)
    url = settings.storage.url.reveal()
    for name, account in settings.providers.items():
        if account.username and account.password == Secret(account.username):  # as at Postmark: one token is both
            values["providers"][name]["username"] = HIDDEN
    values["storage"]["url"] = url if url.startswith("sqlite:") else f"{url.partition('://')[0]}://{HIDDEN}"
    return "\n".join(_toml(values, ())).strip() + "\n"


def warnings(settings: Settings, path: Path | None) -> list[str]:
    """What is allowed but hardly meant, as sentences with their key path."""
    return [*_readable_secrets(path), *_unused(settings), *_unsafe(settings), *_alike(settings)]


def _readable_secrets(path: Path | None) -> Iterator[str]:
    if path is None or not path.stat().st_mode & _OTHERS_MAY_READ:
        return
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    kept = (str(table[key]) for _, model, table in tables(document) for key in secret_keys(model) if key in table)
    if any(not value.startswith("sqlite:") for value in kept):
        yield f"{path}: holds secrets and others may read it; chmod 600 it, or move the secrets to files of their own"


def _unused(settings: Settings) -> Iterator[str]:
    used = {name for stream in settings.streams.values() for name in stream.providers}
    used |= {name for stream in settings.streams.values() for peak in stream.peak_hours for name in peak.providers}
    for name, provider in settings.providers.items():
        if name not in used:
            yield f"providers.{name}: no stream uses it"
        if provider.username is None:
            yield f"providers.{name}: has no username, so login is never probed"
    for name, stream in settings.streams.items():
        if len(stream.providers) == 1:
            yield f"streams.{name}: has one provider, so there is nothing to fail over to"
        if stream.weights and stream.mode is not StreamMode.BALANCE:
            yield f'streams.{name}.weights: are used only with mode = "balance"'
    missing = {s.selector for s in settings.streams.values() if s.selector} - known()
    for name, stream in settings.streams.items():
        if stream.selector in missing:
            yield f"streams.{name}.selector: no installed package has it, so the built-in order is used"
    if all(stream.postpone for stream in settings.streams.values()):
        yield "streams: all of them postpone, so none ever waits for another"


def _unsafe(settings: Settings) -> Iterator[str]:
    if len(settings.providers) == 1 and not settings.references.tcp:
        yield "references.tcp: is empty and there is one provider, so its silence cannot be told from our own network's"
    for name, provider in settings.providers.items():
        if provider.allow_plaintext:
            yield f"providers.{name}.allow_plaintext: the password may cross the network without encryption"
    adapters = settings.adapters
    listening = (("socketmap", adapters.socketmap), ("haproxy", adapters.haproxy), ("exim", adapters.exim))
    for name, adapter in listening:
        if adapter is not None and not adapter.listen.loopback:
            yield f"adapters.{name}.listen: others than this machine may ask, and no login is asked for"


def _alike(settings: Settings) -> Iterator[str]:
    """What providers of one stream share that they should not, and what they do not share that they should."""
    for name, stream in settings.streams.items():
        used = {each: settings.providers[each] for each in stream.providers if each in settings.providers}
        for infra in dict.fromkeys(infra for provider in used.values() for infra in provider.infra):
            sharing = [each for each, provider in used.items() if infra in provider.infra]
            if len(sharing) > 1:
                yield f"streams.{name}: {listed(sharing)} all rest on {infra}, so they may fail together"
        for one, other, why in _kin(used):
            yield f"streams.{name}: {one} and {other} may fail together: {why}"
        senders = dict.fromkeys(provider.sender for provider in used.values() if provider.sender)
        if len(senders) > 1:
            yield f"streams.{name}: its providers have different From addresses: {listed(list(senders))}"


def _kin(used: Mapping[str, ProviderSettings]) -> Iterator[tuple[str, str, str]]:
    """Two providers of one company or one cloud, and accounts at the same provider."""
    entries = {name: find_entry(provider.preset) for name, provider in used.items() if provider.preset}
    for (one, ours), (other, theirs) in combinations(entries.items(), 2):
        if ours is None or theirs is None or ours.id == "generic":
            continue
        if ours == theirs:
            yield one, other, f"both are {ours.name}"
        else:
            yield from ((one, other, why) for _, _, why in kinship([ours, theirs]))


def _plain(value: Any) -> Any:
    """The value as TOML knows values; None stays, to be left out."""
    match value:
        case BaseModel():
            model = type(value)
            names = {field.alias or name: name for name, field in model.model_fields.items()}
            return {key: _plain(getattr(value, names[key])) for key in keys(model)}
        case Secret():
            return HIDDEN
        case Enum():
            return value.value
        case timedelta():
            return format_duration(value)
        case time():
            return f"{value:%H:%M}"
        case Mapping():
            return {name: _plain(inner) for name, inner in value.items()}
        case tuple():
            return [_plain(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
        case ZoneInfo():
            return value.key
    return str(value)


def _toml(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    inner = {key: value for key, value in values.items() if isinstance(value, dict) and _is_table(path, key)}
    lines = [f"{key} = {_value(value)}" for key, value in values.items() if key not in inner and value is not None]
    if lines and path:
        yield f"\n[{'.'.join(path)}]"
    yield from lines
    for key, value in inner.items():
        yield from _toml(value, (*path, key))


def _is_table(path: tuple[str, ...], key: str) -> bool:
    return not (path[:1] == ("streams",) and key == "weights")


def _value(value: Any) -> str:
    match value:
        case list():
            return f"[{', '.join(_value(item) for item in value)}]"
        case dict():
            return f"{{ {', '.join(f'{key} = {_value(item)}' for key, item in value.items())} }}" if value else "{}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
