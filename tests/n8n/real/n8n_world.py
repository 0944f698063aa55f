"""One mailover with its fake providers, one n8n, and the outside world: what a test of this folder asks and breaks."""

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from fake_internet import SLACK_TOKEN, FakeInternet
from running.agents import QUICK, RunningAgent, free_port
from running_n8n import PACKAGE, RunningN8n, until

from mailover.demo.behaviour import Behaviour, Delivered
from mailover.demo.provider import Provider

EXAMPLES = PACKAGE / "workflows"
NAMES = ("postmark", "sendgrid", "ses")
TOKEN = "mlo_only-for-tests-on-loopback-0123456789"
HURRY = {
    "open_for": "500ms",
    "open_for_max": "1s",
    "auth_open_for": "500ms",
    "failback_after": "1s",
    "failback_max": "2s",
}


@dataclass(kw_only=True)
class World:
    """What there is, and what is asked of mailover in it."""

    n8n: RunningN8n
    agent: RunningAgent
    internet: FakeInternet
    providers: Mapping[str, Provider]
    post: list[Delivered]
    credentials: dict[str, str] = field(default_factory=dict)
    """n8n's ids, by name."""

    @contextmanager
    def active(self, document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """A workflow imported and activated, taken back afterwards; a run of it that had begun does not outlive it."""
        workflow = self.n8n.add_workflow(document, self.credentials)
        self.n8n.activate(workflow)
        try:
            yield workflow
        finally:
            self.n8n.deactivate(workflow)
            until(lambda: not self.n8n.busy(workflow), f"the end of the runs of {workflow['name']}")

    def post_to(self, path: str, body: object) -> requests.Response:
        """Call a workflow's webhook, which answers 404 for a moment after its activation."""
        url = f"{self.n8n.url}/webhook/{path}"

        def answered() -> tuple[requests.Response, ...]:
            answer = requests.post(url, json=body, timeout=60)
            return () if answer.status_code == 404 else (answer,)

        found: requests.Response = until(answered, f"the webhook {path}")[0]
        return found

    def call(self, method: str, path: str, json: object = None) -> Any:
        """What mailover's API answers."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://127.0.0.1:{self.agent.port}/v1{path}"
        answer = requests.request(method, url, json=json, headers=headers, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    @contextmanager
    def without_mailover(self) -> Iterator[None]:
        """mailover is killed, and comes back afterwards."""
        self.agent.signal(signal.SIGKILL)
        self.agent.wait()
        try:
            yield
        finally:
            self.agent.start()
            until(self.agent.answers, "mailover")

    def flag(self, stream: str = "transactional") -> dict[str, Any]:
        """What a stream's flag says."""
        told: dict[str, Any] = self.call("GET", f"/active-provider/{stream}")
        return told

    def subscriptions(self) -> list[dict[str, Any]]:
        """Who receives events."""
        items: list[dict[str, Any]] = self.call("GET", "/subscriptions")["items"]
        return items

    def mend(self) -> None:
        """All providers are healthy, nobody is told of anything, nothing is held, and every stream is as configured."""
        for provider in self.providers.values():
            provider.behave(Behaviour.HEALTHY)
        for each in self.subscriptions():
            self.call("DELETE", f"/subscriptions/{each['id']}")
        for stream in self.call("GET", "/streams")["items"]:
            self.call("DELETE", f"/streams/{stream['stream']}/pin")
            self.call("DELETE", f"/streams/{stream['stream']}/failback-pause")
        until(self._is_mended, "health and the first choices")

    def _is_mended(self) -> bool:
        """Whether it is; if not, a push. A probe begun earlier may still fail, so one push may not be enough."""
        providers = self.call("GET", "/providers")["items"]
        for each in providers:
            if each["health"] == "down":  # a suspended account is tried again after a quarter of an hour only
                self.call("PATCH", f"/providers/{each['name']}", {"enabled": False})
                self.call("PATCH", f"/providers/{each['name']}", {"enabled": True})
        if any(each["health"] != "healthy" for each in providers):
            return False
        streams = self.call("GET", "/streams")["items"]
        for stream in streams:
            if stream["flag"]["mode"] == "failover":
                with suppress(AssertionError):  # it returned by itself, or does in a moment
                    self.call("POST", f"/streams/{stream['stream']}/failback")
        return all(_as_configured(each) for each in streams)


def _as_configured(stream: Mapping[str, Any]) -> bool:
    """Whether a stream is on its first choice, with all its others behind it, or shares its mail among all."""
    flag, order = stream["flag"], stream["configured_order"]
    if stream["mode"] == "balance":
        return flag["mode"] == "balance" and set(flag["weights"]) == set(order)
    return flag["mode"] == "normal" and [flag["provider"], *flag["fallbacks"]] == order


def document(providers: Mapping[str, Provider], ca_file: str) -> dict[str, Any]:
    """mailover's config: the defaults in a hurry."""
    return {
        "limits": {"changes_per_minute": 0, "reports_per_minute": 0},  # tests and n8n ask by one token
        "tokens": {"n8n": {"token": TOKEN, "scopes": ["read", "report", "operate", "send"]}},
        "providers": {
            name: {
                "host": each.host,
                "port": each.port,
                "username": each.username,
                "password": each.password,
                "ca_file": ca_file,
                "from": "noreply@example.com",
            }
            for name, each in providers.items()
        },
        "streams": {
            "transactional": {"providers": ["postmark", "sendgrid"], "default": True, "when_exhausted": "hold"},
            "marketing": {
                "providers": ["postmark", "sendgrid"],
                "mode": "balance",
                "weights": {"postmark": 0.9, "sendgrid": 0.1},
            },
            "bulk": {"providers": ["ses", "sendgrid"]},
        },
        "relay": {"listen": f"127.0.0.1:{free_port()}"},
        "dns": {"domains": ["example.com"]},
        "resolver": {"nameservers": ["127.0.0.1:9"]},
        "probes": {**QUICK, "deadline": "5s", "slow": "3s"},  # n8n can take the machine for a second
        "breaker": HURRY,
    }


def example(slug: str) -> dict[str, Any]:
    """An example workflow, as it is shipped."""
    found: dict[str, Any] = json.loads((EXAMPLES / f"{slug}.json").read_text(encoding="utf-8"))
    return found


class HouseAgent(RunningAgent):
    """mailover on a port that n8n may be reached from, asked with the token."""

    def __init__(self, directory: Path, document: Mapping[str, object]) -> None:
        super().__init__(directory, document)
        self._asking.headers["Authorization"] = f"Bearer {TOKEN}"

    def configure(self, document: Mapping[str, object]) -> None:
        super().configure(document)
        text = self.config.read_text(encoding="utf-8")
        listening = f'server = {{"listen" = "127.0.0.1:{self.port}"'
        self.config.write_text(text.replace(listening, f'{listening}, "webhook_allow" = ["127.0.0.1"]'), "utf-8")


def credentials(world: World) -> dict[str, str]:
    """What the example workflows name."""
    mailover = {"baseUrl": f"http://127.0.0.1:{world.agent.port}", "apiToken": TOKEN}
    jira = {"email": "ops@example.com", "apiToken": "jira-token", "domain": "https://example.atlassian.net"}
    wanted: dict[str, tuple[str, dict[str, object]]] = {
        "Mailover API": ("mailoverApi", mailover),
        "OpenAI": ("openAiApi", {"apiKey": "sk-only-for-tests", "url": "https://api.openai.com/v1"}),
        "Slack": ("slackApi", {"accessToken": SLACK_TOKEN}),
        "Jira": ("jiraSoftwareCloudApi", jira),
        "Campaign tool": ("httpHeaderAuth", {"name": "X-API-Key", "value": "campaign-key"}),
    }
    for name, each in world.providers.items():
        account = {"user": each.username, "password": each.password, "host": each.host, "port": each.port}
        wanted[f"SMTP {name}"] = ("smtp", {**account, "secure": False, "disableStartTls": False})
    return {name: world.n8n.add_credential(name, kind, data) for name, (kind, data) in wanted.items()}
