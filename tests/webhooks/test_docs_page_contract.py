"""The page at /docs: open to everybody, the same everywhere, strict about what it loads. On both servers."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from api_house import Api

from webhooks import docs_page

PAGE = Path(docs_page.__file__).parent


@pytest.mark.parametrize("path", sorted(docs_page.PATHS))
def test_the_page_and_what_it_loads_need_no_token_and_may_load_nothing_else(api: Api, path: str) -> None:
    answer = api.get(path, scope=None)
    assert answer.status_code == 200
    policy = dict(each.strip().split(" ", 1) for each in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[each] for each in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert policy["frame-ancestors"] == "'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = api.get(path, scope=None, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_what_it_shows_needs_a_token_all_the_same(api: Api) -> None:
    assert api.get("/openapi.json", scope=None).status_code == 401
    for path in ("/docs/", "/docs/../openapi.json", "/docs/page.html", "/docsx"):
        assert api.get(path, scope=None).status_code in {401, 404}
    assert api.call("POST", "/docs", scope="operate").status_code == 405


class Loaded(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: set[str] = set()
        self.inline = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inline += tag in {"script", "style"} and "src" not in dict(attrs)
        self.inline += any(name == "style" or name.startswith("on") for name, _ in attrs)
        self.addresses |= {str(value) for name, value in attrs if name in {"src", "href"}}


def test_it_names_only_what_is_served_here_and_has_no_script_of_its_own_within() -> None:
    """Relative addresses, so that a proxy may put it under a path."""
    loaded = Loaded()
    loaded.feed((PAGE / "page.html").read_text())
    assert loaded.inline == 0
    assert loaded.addresses - {"data:,"} <= {path.removeprefix("/") for path in docs_page.PATHS}
    assert re.findall(r"https?://", "".join(file.read_text() for file in PAGE.glob("page.*"))) == []
