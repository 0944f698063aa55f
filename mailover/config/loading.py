"""Finding the config file, and making checked settings of it and the environment, or every problem at once."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from mailover.config.environment import read_environment
from mailover.config.origins import Given, Presets, Profiles, Rules, SecretFiles
from mailover.config.places import Places, lines_of
from mailover.config.problems import Problem, from_validation
from mailover.config.secret_files import drop_overridden, given_twice
from mailover.config.settings import Settings
from mailover.config.shape import KeyPath, Table, path_keys, secret_keys, tables
from mailover.errors import ConfigError
from mailover.secrets import Secret

_RUN_SECRETS = Path("/run/secrets")
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def find(option: Path | None, env: Mapping[str, str]) -> Path | None:
    """The file to read: the option, else $MAILOVER_CONFIG, even if they are not there; else the first that exists."""
    if option is not None:
        return option
    if env.get("MAILOVER_CONFIG"):
        return Path(env["MAILOVER_CONFIG"])
    home = Path(env["HOME"], ".config") if env.get("HOME") else None
    xdg = Path(env["XDG_CONFIG_HOME"]) if env.get("XDG_CONFIG_HOME") else home
    usual = [
        Path("config.toml"),
        *([xdg / "mailover" / "config.toml"] if xdg else []),
        Path("/etc/mailover/config.toml"),
    ]
    return next((path for path in usual if path.is_file()), None)


def load(path: Path | None, env: Mapping[str, str]) -> Settings:
    """Settings from the file (None: from the environment alone); raises ConfigError with every problem."""
    if path is None:
        return build({}, env)
    text, document = _read(path)
    return build(document, env, directory=path.parent, said=lambda: Places(file=path, lines=lines_of(text)))


def build(
    document: Mapping[str, Any],
    env: Mapping[str, str],
    *,
    directory: Path = Path(),
    said: Callable[[], Places] = Places,
) -> Settings:
    """Settings from what a config file says; relative paths in it start at `directory`. Raises ConfigError.

    `said` finds out where its keys are, and is asked only when there is a problem to tell.
    """
    values = deepcopy(dict(document))
    overrides, problems = read_environment(env)
    problems += [*given_twice(values), *given_twice(overrides)]
    drop_overridden(values, overrides)
    _anchor(values, directory)
    _conceal(values)
    _conceal(overrides)
    sourced = _with_sources(overrides, values, _secret_directories(env), problems)
    try:
        settings = sourced()
    except ValidationError as exc:
        problems += from_validation(exc.errors(include_url=False))
    else:
        if not problems:
            return Settings(**dict(settings))  # the plain class again, so that equal settings are equal
    raise ConfigError(_told_once(problems, replace(said(), overrides=overrides)))


def _with_sources(overrides: Table, values: Table, secrets: Sequence[Path], problems: list[Problem]) -> type[Settings]:
    class SourcedSettings(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            *_usual: PydanticBaseSettingsSource,
            **_named: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (
                Given(settings_cls, overrides),
                Given(settings_cls, values),
                SecretFiles(settings_cls, secrets, problems),
                Presets(settings_cls, problems),
                Profiles(settings_cls),
                Rules(settings_cls, problems),
            )

    return SourcedSettings


def _secret_directories(env: Mapping[str, str]) -> list[Path]:
    credentials = env.get("CREDENTIALS_DIRECTORY")
    return [*([Path(credentials)] if credentials else []), _RUN_SECRETS]


def _anchor(values: Table, directory: Path) -> None:
    """Relative paths are meant from the file that says them, wherever mailover was started."""
    for _, model, table in tables(values):
        for key in path_keys(model):
            if isinstance(table.get(key), str) and table[key]:
                table[key] = str(directory / table[key])


def _conceal(values: Table) -> None:
    """From here on nothing that prints what it merges can print a secret."""
    for _, model, table in tables(values):
        for key in secret_keys(model):
            if isinstance(table.get(key), str):
                table[key] = Secret(table[key])
            elif isinstance(table.get(key), list):
                table[key] = [Secret(item) if isinstance(item, str) else item for item in table[key]]


def _told_once(problems: Iterable[Problem], places: Places) -> list[str]:
    """The sentences in the order of the file; of a secret whose file is wrong nothing else is said."""
    told: dict[Problem, str] = {}
    paths: set[KeyPath] = set()
    for problem in problems:
        if (*problem.path[:-1], f"{problem.path[-1]}_file") not in paths:
            told[problem] = f"{problem}{places.tell(problem.path)}"
            paths.add(problem.path)
    return [told[problem] for problem in sorted(told, key=lambda each: places.line(each.path))]


def _read(path: Path) -> tuple[str, Table]:
    try:
        text = path.read_bytes().decode()
        return text, tomllib.loads(text)
    except OSError as exc:
        raise ConfigError([f"{path}: cannot be read: {exc.strerror or type(exc).__name__}"]) from None
    except UnicodeDecodeError as exc:
        raise ConfigError([f"{path}: byte {exc.start} is not UTF-8; save the file as UTF-8"]) from None
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError([_syntax(path, str(exc))]) from None


def _syntax(path: Path, message: str) -> str:
    """Where the file is no TOML; duplicate names in the words of the config, since they are the likely mistake."""
    place = _PLACE.search(message)
    where = f"line {place[1]}, column {place[2]}" if place and place[1] else "at the end"
    says = _PLACE.sub("", message)
    if declared := re.fullmatch(r"Cannot declare \((.*)\) twice", says):
        table = ".".join(re.findall(r"'([^']*)'", declared[1]))
        says = f"the table [{table}] is there twice; each name may be used once"
    elif says == "Cannot overwrite a value":
        says = "this key is there twice; keep one"
    return f"{path}: {where}: {says}"
