"""The pages show what was run: each code block that names a file is that file, to the letter."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from applications import NEEDS
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


USES = {
    "python": ("python", "use.py", [sys.executable, "-m", "mypy", "--strict", "use.py"]),
    "node": ("js", "use.mjs", ["node", "--check", "use.mjs"]),
    "nodemailer": ("js", "use.mjs", ["node", "--check", "use.mjs"]),
    "php": ("php", "use.php", ["php", "-l", "use.php"]),
    "go": ("go", "use/main.go", ["go", "vet", "./..."]),
    "shell": ("sh", "use.sh", ["sh", "-n", "use.sh"]),
}
"""The first code block of a page, which says how the recipe is used: its language, a name for it, what judges it."""


PEERS = {**NEEDS, "node": ("node",)}


@pytest.mark.parametrize(
    "recipe", [pytest.param(name, marks=[pytest.mark.peer(need) for need in PEERS.get(name, ())]) for name in USES]
)
def test_how_a_recipe_is_used_is_good_code(recipe: str, tmp_path: Path) -> None:
    language, name, judge = USES[recipe]
    page = (CLIENTS / recipe / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert found is not None
    for each in (CLIENTS / recipe).iterdir():
        shutil.copy(each, tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(found[1], encoding="utf-8")
    done = subprocess.run(judge, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
