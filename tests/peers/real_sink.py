"""smtp-sink of Postfix: a provider nobody here wrote, told on its command line what to do to its clients."""

import os
import re
import shutil
from pathlib import Path

from real_daemon import Daemon, free_port

_COUNTED = re.compile(rb"mesg=(\d+)")


class Sink(Daemon):
    """Counts the messages that it took."""

    def __init__(self, root: Path, *options: str) -> None:
        """`options` are smtp-sink's own, such as `-q DATA`."""
        super().__init__(root)
        self.port = self.greets_on = free_port()
        self._options = options
        self._silent = "connect" in [option.lower() for option in options]

    def command(self) -> list[str]:
        found = shutil.which("smtp-sink", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
        assert found is not None
        return [found, "-u", "nobody", "-c", *self._options, f"{self.host}:{self.port}", "100"]

    def greets(self) -> bool:
        """One that hangs up at once greets nobody."""
        return self.listens() if self._silent else super().greets()

    @property
    def taken(self) -> int:
        """Messages so far."""
        found = _COUNTED.findall(self.root.joinpath("output").read_bytes())
        return int(found[-1]) if found else 0
