"""What every command shares: where the config is, how the agent is reached, how an error ends the command."""

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import click

from mailover.errors import ConfigError, MailoverError, UnavailableError, UnreachableError

if TYPE_CHECKING:  # half a second that a command without a config or an agent need not wait for
    from rich.console import Console

    from mailover.cli.api import Api
    from mailover.config import Settings
    from mailover.config.outlets import Scope

OK, UNHEALTHY, USAGE, UNREACHABLE = 0, 1, 2, 3

_PIPE_COLUMNS = 200
"""Wide enough that a program reading a pipe finds a row on one line."""
_DEFAULT_URL = "http://127.0.0.1:8587"
_ANY_ADDRESS = {"0.0.0.0", "::", "[::]"}

P = ParamSpec("P")
R = TypeVar("R")


class Session:
    """One invocation."""

    def __init__(self, *, config: Path | None, url: str | None, token: str | None) -> None:
        """What the top-level options say; nothing is read yet."""
        self.option = config
        self._url = url
        self._token = token

    @property
    def path(self) -> Path | None:
        """The config file, None when there is none."""
        from mailover.config import find  # noqa: PLC0415 - see the top

        return find(self.option, os.environ)

    @functools.cached_property
    def settings(self) -> "Settings":
        """The config. Raises ConfigError, also when there is no file."""
        from mailover.config import load  # noqa: PLC0415 - see the top

        if self.path is None:
            raise ConfigError(["no config file found; `mailover config init` writes one, `mailover demo` needs none"])
        return load(self.path, os.environ)

    @property
    def api(self) -> "Api":
        """The running agent."""
        from mailover.config.outlets import Scope  # noqa: PLC0415 - see the top

        return self._api(Scope.OPERATE, Scope.READ)

    @property
    def sending_api(self) -> "Api":
        """The running agent, for handing mail over to its relay."""
        from mailover.config.outlets import Scope  # noqa: PLC0415 - see the top

        return self._api(Scope.SEND)

    def _api(self, *scopes: "Scope") -> "Api":
        """With the config's token that has the first of these scopes that any has."""
        from mailover.cli.api import Api  # noqa: PLC0415 - see the top

        configured = self.settings if self._url is None and self.path is not None else None
        url, token = self._url or _DEFAULT_URL, self._token
        if configured is not None:
            listen = configured.server.listen
            host = "127.0.0.1" if listen.host in _ANY_ADDRESS else listen.host
            url = f"http://[{host}]:{listen.port}" if ":" in host else f"http://{host}:{listen.port}"
            token = token or _token_for(configured, scopes)
        return Api(url, token)


def _token_for(settings: "Settings", scopes: tuple["Scope", ...]) -> str | None:
    """A token of the config that has the first of these scopes that any has."""
    for scope in scopes:
        for token in settings.tokens.values():
            if scope in token.scopes:
                return token.token.reveal()
    return None


pass_session = click.make_pass_decorator(Session)

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON instead of words.")


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """End a command with the right exit code and a plain message instead of a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ConfigError as error:
            fail("the config is refused:", *error.problems, code=USAGE)
        except UnreachableError as error:
            fail(str(error), code=UNREACHABLE)
        except UnavailableError as error:
            fail(str(error), code=UNHEALTHY)
        except MailoverError as error:
            fail(str(error), code=USAGE)

    return run


def fail(*lines: str, code: int) -> NoReturn:
    """Say on standard error what is wrong, and end."""
    head, *rest = lines
    click.secho(f"mailover: {head}", err=True, fg="red")
    for line in rest:
        click.echo(f"  {line}", err=True)
    raise SystemExit(code)


def print_json(value: Any) -> None:
    """One JSON document, for programs."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def console() -> "Console":
    """Where words and tables go: colour on a terminal only, and never with NO_COLOR."""
    from rich.console import Console  # noqa: PLC0415 - the agent prints no table

    return Console(highlight=False, width=None if os.isatty(1) else _PIPE_COLUMNS, soft_wrap=not os.isatty(1))
