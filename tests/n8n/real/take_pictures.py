"""Takes the README's pictures of n8n's editor, by hand: needs `pip install playwright` and Debian's chromium.

.venv/bin/python tests/n8n/real/take_pictures.py
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from fake_internet import FakeInternet
from n8n_world import NAMES, HouseAgent, World, credentials, document, example
from playwright.sync_api import Page, sync_playwright
from running_n8n import OWNER, PACKAGE, RunningN8n, until

from mailover.demo.authority import shared_authority
from mailover.demo.behaviour import Behaviour
from mailover.demo.provider import Provider

PICTURES = PACKAGE / "pictures"
SIZE = {"width": 1440, "height": 810}


def main() -> None:
    """Start everything, look at it, write the files."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ca_file = shared_authority().write(folder / "ca.pem")
        internet = stack.enter_context(FakeInternet(shared_authority()).serving())
        providers = {name: stack.enter_context(Provider(name)) for name in NAMES}
        (folder / "mailover").mkdir()
        agent = stack.enter_context(HouseAgent(folder / "mailover", document(providers, ca_file)))
        n8n = stack.enter_context(RunningN8n(folder / "n8n", {"N8N_PERSONALIZATION_ENABLED": "false"}))
        n8n.become_owner()
        world = World(n8n=n8n, agent=agent, internet=internet, providers=providers, post=[])
        world.credentials.update(credentials(world))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, device_scale_factor=1)
        sign_in(page, n8n.url)
        PICTURES.mkdir(exist_ok=True)
        for slug in ("send-mail-with-failover", "failover-to-slack-and-ticket"):
            made = n8n.add_workflow(example(slug), world.credentials)
            page.goto(f"{n8n.url}/workflow/{made['id']}")
            page.wait_for_selector("[data-test-id=canvas-node]")
            page.wait_for_timeout(2500)
            page.keyboard.press("1")
            page.wait_for_timeout(1000)
            if slug.startswith("failover"):
                page.click("[data-test-id=zoom-out-button]")
            page.wait_for_timeout(1500)
            page.screenshot(path=PICTURES / f"{slug}.png")
        providers["postmark"].behave(Behaviour.REFUSE)
        until(lambda: world.flag()["provider"] == "sendgrid", "a failover")
        open_node(page, "Mailover Trigger")
        page.get_by_text("Test this trigger").click()
        page.get_by_text("JSON", exact=True).click()
        page.get_by_text("failover.happened").first.wait_for()
        page.mouse.click(700, 650)
        page.wait_for_timeout(10_000)
        page.screenshot(path=PICTURES / "trigger.png")
        made = n8n.add_workflow(example("scheduled-check"), world.credentials)
        page.goto(f"{n8n.url}/workflow/{made['id']}")
        page.wait_for_selector("[data-test-id=canvas-node]")
        page.wait_for_timeout(2500)
        open_node(page, "Pin the Backup")
        page.locator("[data-test-id=parameter-input-operation] input").click()
        page.wait_for_timeout(1000)
        page.screenshot(path=PICTURES / "node.png")
        page.goto(f"{n8n.url}/home/credentials")
        page.get_by_text("Mailover API", exact=True).first.click()
        page.wait_for_timeout(3000)
        page.screenshot(path=PICTURES / "credential.png")
        browser.close()


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/signin")
    page.fill("input[name=emailOrLdapLoginId]", OWNER["email"])
    page.fill("input[name=password]", OWNER["password"])
    page.click("[data-test-id=form-submit-button]")
    page.wait_for_url("**/home/**")


def open_node(page: Page, name: str) -> None:
    """As a double click in the canvas does."""
    page.locator(f'[data-test-id=canvas-node][data-node-name="{name}"]').dblclick()
    page.wait_for_timeout(2500)


if __name__ == "__main__":
    main()
