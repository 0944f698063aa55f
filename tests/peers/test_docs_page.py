"""The page at /docs in a real browser: a token is pasted, an operation is opened, tried, and answered."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Page, browsing

from mailover.bootstrap import House, assemble
from mailover.config import build

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.timeout(300)]

TOKEN = "a-token-for-nobody-but-this-test-0123456789"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    document = {
        "server": {"listen": "127.0.0.1:0"},
        "storage": {"url": f"sqlite:///{tmp_path}/mailover.db"},
        "tokens": {"reader": {"token": TOKEN, "scopes": ["operate"]}},
        "providers": {name: {"host": f"smtp.{name}.invalid"} for name in ("a", "b")},
        "streams": {"mail": {"providers": ["a", "b"]}},
        "probes": {"port_interval": "1h", "login_interval": "1h"},
    }
    built = assemble(build(document, {}))
    built.start()
    yield built
    built.stop()


@pytest.fixture
def page() -> Iterator[Page]:
    with browsing() as opened:
        yield opened


def paste(page: Page, token: str) -> None:
    page.run(f"document.getElementById('token').value = {token!r}; document.querySelector('#entry button').click()")


def test_a_reader_pastes_a_token_and_tries_a_call(house: House, page: Page, tmp_path: Path) -> None:
    page.open(f"{house.api.url}/docs")
    page.wait_for("document.getElementById('state').textContent.startsWith('A token is needed')")
    paste(page, "wrong")
    page.wait_for("document.getElementById('state').textContent.startsWith('A token is needed')")
    paste(page, TOKEN)
    page.wait_for("document.querySelectorAll('.opblock').length > 30")
    shown = page.run("document.body.innerText")
    assert "failover.happened" in shown, "the events that are sent are not shown"

    page.run("document.querySelector('#operations-streams-pin .opblock-summary-control').click()")
    page.wait_for("document.querySelector('#operations-streams-pin textarea')?.value.includes('maintenance')")
    page.photograph(Path(os.environ.get("MAILOVER_PICTURES", tmp_path)) / "docs.png")

    page.run("document.querySelector('#operations-flag-active_provider .opblock-summary-control').click()")
    page.wait_for("!!document.querySelector('#operations-flag-active_provider .execute')")
    page.run("document.querySelector('#operations-flag-active_provider .execute').click()")
    page.wait_for(
        "document.querySelector('#operations-flag-active_provider .live-responses-table')?.innerText.includes('epoch')"
    )
    assert not [said for said in page.complaints if "401" not in said]
    elsewhere = [address for address in page.asked if not address.startswith((house.api.url, "data:", "about:"))]
    assert elsewhere == []
    assert page.run("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])") == '[{},{},""]'
