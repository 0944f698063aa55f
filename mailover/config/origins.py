"""Where values come from, strongest first: environment, file, secret files, preset, profile.

Each fills what those before it left open; pydantic-settings merges them. What goes wrong is noted, to be told at once.
"""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from dns_checks.catalogue import CatalogueEntry, Submission, catalogue, find_entry, similar_words
from mailover.config.environment import put
from mailover.config.problems import Problem
from mailover.config.rules import broken_rules
from mailover.config.secret_files import read_secret
from mailover.config.settings import Settings
from mailover.config.shape import Table, keys, named_tables, secret_keys, tables, variable
from mailover.secrets import Secret

_PROFILES: dict[str, Table] = {
    "patient": {
        "probes": {"port_interval": "5m", "login_interval": "5m", "retry_interval": "40s"},
        "breaker": {"failures": 4, "open_for": "30m", "successes": 1, "failback_after": "0s"},
    }
}


class Given(PydanticBaseSettingsSource):
    """Values as they are."""

    def __init__(self, settings: type[BaseSettings], values: Table) -> None:
        super().__init__(settings)
        self._values = values

    def __call__(self) -> Table:
        return deepcopy(self._values)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        return self._values.get(field_name), field_name, False


class SecretFiles(Given):
    """The secrets that are named by `*_file`, or lie in a directory of secrets under the name of their key."""

    def __init__(self, settings: type[BaseSettings], directories: Sequence[Path], problems: list[Problem]) -> None:
        super().__init__(settings, {})
        self._directories = directories
        self._problems = problems

    def __call__(self) -> Table:
        found = _names(self.current_state)
        for path, model, table in tables(self.current_state):
            for key in secret_keys(model):
                source, named = self._source(table, key, variable((*path, key)).lower())
                if key in table or source is None:
                    continue
                try:
                    put(found, (*path, key), Secret(read_secret(source)))
                except ValueError as exc:
                    says = str(exc) if named else f"{source} {exc}"
                    self._problems.append(Problem(path=(*path, f"{key}_file"), says=says))
                    # It counts as given, or the models would ask for it as well.
                    put(found, (*path, key), Secret("unreadable"))
        return found

    def _source(self, table: Table, key: str, credential: str) -> tuple[Path | None, bool]:
        named = table.get(f"{key}_file")
        if named is not None:
            return (Path(named), True) if isinstance(named, str | Path) else (None, True)
        files = (directory / credential for directory in self._directories)
        return next((file for file in files if file.exists()), None), False


class Presets(Given):
    """What the catalogue knows about a provider, and what its port tells about its encryption."""

    def __init__(self, settings: type[BaseSettings], problems: list[Problem]) -> None:
        super().__init__(settings, {})
        self._problems = problems

    def __call__(self) -> Table:
        providers = self.current_state.get("providers")
        if not isinstance(providers, dict):
            return {}
        return {
            "providers": {name: self._fill(name, table) for name, table in providers.items() if isinstance(table, dict)}
        }

    def _fill(self, name: str, table: Table) -> Table:
        word = table.get("preset", "generic")
        entry = find_entry(word) if isinstance(word, str) else None
        try:
            return _facts(entry or _unknown(word), table)
        except _PresetError as exc:
            self._problems.append(Problem(path=("providers", name, exc.key), says=str(exc)))
            # Something must stand there, or the models would complain of what the preset was to give.
            return {"host": "unknown.invalid"}


class Profiles(Given):
    """The rhythm that `probes.profile` names."""

    def __init__(self, settings: type[BaseSettings]) -> None:
        super().__init__(settings, {})

    def __call__(self) -> Table:
        probes = self.current_state.get("probes")
        profile = probes.get("profile") if isinstance(probes, dict) else None
        return deepcopy(_PROFILES.get(str(profile), {}))


class Rules(Given):
    """Gives nothing; it stands last and looks at what all the others gave together."""

    def __init__(self, settings: type[BaseSettings], problems: list[Problem]) -> None:
        super().__init__(settings, {})
        self._problems = problems

    def __call__(self) -> Table:
        self._problems += broken_rules(self.current_state)
        return {}


def _names(values: Table) -> Table:
    """The named tables, empty: what is merged below others must not change the order of names."""
    groups = {key: values.get(key) for key, field in keys(Settings).items() if named_tables(field)}
    return {
        key: {name: {} for name, table in group.items() if isinstance(table, dict)}
        for key, group in groups.items()
        if isinstance(group, dict)
    }


class _PresetError(ValueError):
    def __init__(self, key: str, says: str) -> None:
        super().__init__(says)
        self.key = key


def _unknown(word: object) -> CatalogueEntry:
    close = similar_words(str(word))
    cure = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(catalogue())}"
    raise _PresetError("preset", f"unknown provider; {cure}")


def _facts(entry: CatalogueEntry, table: Table) -> Table:
    if not entry.smtp:
        raise _PresetError("preset", f"{entry.id} takes no mail over SMTP, so mailover cannot use it")
    region = table.get("region")
    place = _place(entry, region)
    if "{region}" in place.host and not region and "host" not in table:
        raise _PresetError("region", f"is missing; {entry.id} needs one of {', '.join(place.regions)}")
    tls = table.get("tls") or ("implicit" if _port(table) in place.implicit or not place.starttls else "starttls")
    ports = place.implicit if tls == "implicit" else place.starttls
    if not ports and "port" not in table:
        raise _PresetError("tls", f"{entry.id} offers no port for it; leave tls out, or give port")
    facts: Table = {"tls": tls, "host": place.host.replace("{region}", str(region)), "username": entry.username}
    facts["port"] = ports[0] if ports else None
    return {key: value for key, value in facts.items() if value}


def _place(entry: CatalogueEntry, region: object) -> Submission:
    if region is None:
        return entry.smtp[0]
    for place in entry.smtp:
        if region in place.regions:
            return place
    known = [region for place in entry.smtp for region in place.regions]
    raise _PresetError("region", f"unknown region; {entry.id} has {', '.join(known) or 'none'}")


def _port(table: Table) -> int | None:
    port = str(table.get("port", ""))
    return int(port) if port.isascii() and port.isdigit() else None
