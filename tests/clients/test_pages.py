"""The pages show what was run: each code block that names a file is that file, to the letter."""

import re
from pathlib import Path

import pytest
from client_house import CLIENTS

SHOWN = re.compile(r"\[`?([^\]`]+)`?\]\([^)]*\):?\n\n```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = sorted(CLIENTS.glob("*/README.md"))
RECIPES = {"python", "node", "nodemailer", "php", "laravel", "go", "shell", "django", "flask"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_code_on_a_page_is_the_file_beside_it(page: Path) -> None:
    shown = SHOWN.findall(page.read_text(encoding="utf-8"))
    for name, code in shown:
        assert code == (page.parent / name).read_text(encoding="utf-8"), name
    tested = {each.name for each in page.parent.iterdir() if each.suffix in {".py", ".mjs", ".php", ".go", ".sh"}}
    text = page.read_text(encoding="utf-8")
    assert tested <= set(re.findall(r"\[`([^`]+)`\]\(", text))


def test_every_recipe_has_a_page_and_a_row() -> None:
    assert {page.parent.name for page in PAGES} == RECIPES
    table = (CLIENTS / "README.md").read_text(encoding="utf-8")
    assert {name for name in RECIPES if f"]({name}/README.md)" in table} == RECIPES


@pytest.mark.parametrize("page", [*PAGES, CLIENTS / "README.md"], ids=lambda page: page.parent.name)
def test_every_page_says_what_happens_while_mailover_is_away(page: Path) -> None:
    assert re.search(r"^## .*(away|cannot be reached)", page.read_text(encoding="utf-8"), re.MULTILINE)
