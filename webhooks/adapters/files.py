"""Flag files: each stream's flag as JSON, as variables for sh, as a plain name, as a map for Postfix.

A file is replaced whole or not at all, and only when its content changes. It stays when mailover is gone.
"""

import contextlib
import os
import shlex
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from mailover.config.adapters import FileFormat, FilesSettings, SocketmapSettings
from mailover.core.fleet import Flag
from mailover.core.providers import Provider
from mailover.programs import run
from mailover.service import Snapshot
from webhooks.adapters.socketmap import next_hops
from webhooks.adapters.upkeep import UpkeepError

_MODE = 0o644
_DRAFT = ".mailover-draft-"


class FlagFiles:
    """The files of all streams in one directory."""

    def __init__(self, settings: FilesSettings, postfix: SocketmapSettings | None = None) -> None:
        """Nothing is written yet. `postfix` has the names of Postfix's services, where they are not the usual ones."""
        self._settings = settings
        self._postfix = postfix or SocketmapSettings()
        self._owed = bool(settings.command)
        """Whether the command is to be run: after a change, and at the start, as the last run may have been cut off."""

    def bring(self, snapshot: Snapshot) -> None:
        """Write what has changed, then run the command. Raises UpkeepError."""
        directory = self._settings.directory
        try:
            _sweep(directory)
            for name, content in self._wanted(snapshot).items():
                if _differs(directory / name, content):
                    _replace(directory / name, content)
                    self._owed = True
        except OSError as error:
            raise UpkeepError(f"{directory}: {error.strerror or error}") from error
        if self._owed and self._settings.command:
            outcome = run(self._settings.command, self._settings.timeout.total_seconds())
            if not outcome.good:
                raise UpkeepError(f"{self._settings.command[0]}: {outcome}")
        self._owed = False

    def _wanted(self, snapshot: Snapshot) -> Mapping[str, bytes]:
        wanted: dict[str, bytes] = {}
        for name, published in snapshot.flags.items():
            for form in self._settings.formats:
                wanted[name + _ENDINGS[form]] = self._content(form, snapshot, published.flag, published.body)
        return wanted

    def _content(self, form: FileFormat, snapshot: Snapshot, flag: Flag, body: bytes) -> bytes:
        if form is FileFormat.JSON:
            return body + b"\n"
        if form is FileFormat.POSTFIX:
            return f"* {next_hops(_hops(snapshot, flag), self._postfix)}\n".encode()
        return _TEXTS[form](flag).encode()


def _hops(snapshot: Snapshot, flag: Flag) -> list[Provider]:
    """The flag's own order, nobody while it holds mail: a file knows neither recipient nor hour."""
    order = (flag.provider, *flag.fallbacks) if flag.provider is not None and flag.sending else ()
    return [snapshot.policy.providers[name] for name in order if name in snapshot.policy.providers]


def _plain(flag: Flag) -> str:
    return f"{flag.provider or ''}\n"


def _env(flag: Flag) -> str:
    """Lines for sh and for systemd's EnvironmentFile: what is not there is empty."""
    values = {
        "STREAM": flag.stream,
        "PROVIDER": flag.provider or "",
        "HOST": flag.host or "",
        "PORT": str(flag.port or ""),
        "TLS": str(flag.tls or ""),
        "FROM": flag.sender or "",
        "FALLBACKS": " ".join(flag.fallbacks),
        "MODE": str(flag.mode),
        "SENDING": "true" if flag.sending else "false",
        "EPOCH": str(flag.epoch),
    }
    return "".join(f"MAILOVER_FLAG_{name}={shlex.quote(value)}\n" for name, value in values.items())


_ENDINGS = {FileFormat.JSON: ".json", FileFormat.ENV: ".env", FileFormat.PLAIN: "", FileFormat.POSTFIX: ".transport"}
_TEXTS: Mapping[FileFormat, Callable[[Flag], str]] = {FileFormat.PLAIN: _plain, FileFormat.ENV: _env}


def _differs(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() != content
    except FileNotFoundError:
        return True


def _replace(path: Path, content: bytes) -> None:
    """The new content under the old name, on the disk before anybody can see it. Raises OSError."""
    number, draft = tempfile.mkstemp(prefix=_DRAFT, dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), _MODE)
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(draft).unlink()
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _sweep(directory: Path) -> None:
    """Take away what a writer that was killed left half done."""
    for draft in directory.glob(f"{_DRAFT}*"):
        draft.unlink(missing_ok=True)
