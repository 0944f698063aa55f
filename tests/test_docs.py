"""What the pages say exists: every link leads somewhere, and every command line is one that mailover takes."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from mailover.cli import main

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "contrib/**/*.md", "n8n/*.md")
    for page in ROOT.glob(pattern)
    if page.is_file()
)
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"`(?:\.venv/bin/)?(mailover [^`]+)`")
COMMAND = re.compile(r"^\s*(?:\.venv/bin/)?(mailover .+)$", re.MULTILINE)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.add(next(name for name in (slug, *(f"{slug}-{n}" for n in range(1, 100))) if name not in found))
    return found


def command_lines(page: Path) -> Iterator[str]:
    for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
        if language in {"sh", "console", "bash"}:
            yield from COMMAND.findall(block)
    yield from (" ".join(span.split()) for span in SPAN.findall(prose(page)))


def parse(line: str) -> None:
    """Read a command line as click would, and run nothing. Raises click.UsageError."""
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words:
        name = words.pop(0)
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"{line}: there is no {name}")
        command = found
    if "--help" not in words:
        command.make_context(str(command.name), words, resilient_parsing=isinstance(command, click.Group))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize(("page", "line"), [(named(p), line) for p in PAGES for line in command_lines(p)])
def test_every_command_line_is_one_that_mailover_takes(page: str, line: str) -> None:
    parse(line)


@pytest.mark.parametrize("line", ["mailover nonsense", "mailover pin", "mailover events --limit x", "mailover dns x"])
def test_a_command_line_that_mailover_does_not_take_is_noticed(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(line)


def test_the_page_for_whoever_changes_this_code_is_one_page() -> None:
    assert len((ROOT / "AGENTS.md").read_text(encoding="utf-8").splitlines()) <= 60
