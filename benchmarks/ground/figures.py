"""Figures against their limits: printed as they come, and an exit code at the end.

A limit counts as missed only by a clear margin, since neighbours' load moves every absolute number.
"""

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

MARGIN = 1.25
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Verdict:
    """What has been measured so far, and whether all of it holds."""

    missed: list[str] = field(default_factory=list)

    def at_most(self, what: str, figure: float, limit: float, unit: str = "", *, margin: float = MARGIN) -> None:
        """Print a figure that must not be larger than its limit."""
        self._say(what, figure, limit, unit, "at most", held=figure <= limit, clear=figure > limit * margin)

    def at_least(self, what: str, figure: float, limit: float, unit: str = "", *, margin: float = MARGIN) -> None:
        """Print a figure that must not be smaller than its limit."""
        self._say(what, figure, limit, unit, "at least", held=figure >= limit, clear=figure < limit / margin)

    def end(self) -> None:
        """Leave with 1 when something was missed by a clear margin."""
        if self.missed:
            print(f"missed: {', '.join(self.missed)}")
        sys.exit(1 if self.missed else 0)

    def _say(self, what: str, figure: float, limit: float, unit: str, word: str, *, held: bool, clear: bool) -> None:
        ratio = f", {figure / limit:.2f} of it" if limit else ""
        mark = "ok" if held else "MISSED" if clear else "near"
        print(f"  {what}: {figure:.4g} {unit} ({word} {limit:.4g}{ratio}) {mark}".replace("  (", " ("), flush=True)
        if clear:
            self.missed.append(what)


def cpu_seconds(pid: int) -> float:
    """What a running process has used so far, user and system, all its threads."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS


def resident_mb(pid: int) -> float:
    """What a running process holds in memory, in units of 1,000,000 bytes, shared files included."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def program(name: str, package: str) -> str:
    """The path of a peer; leaves with 2 and the way to get it when it is not installed."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        print(f"{name} is missing: apt-get install {package}")
        sys.exit(2)
    return found
