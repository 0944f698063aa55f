"""Real n8n as a process: installed from the lock beside this folder, set up through its REST routes, ended by its id.

The routes are n8n's internal ones, which is why its version is pinned. Nothing here knows of mailover's workflows.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import requests
from running.agents import free_port

HOST = Path(__file__).parents[1] / "host"
PACKAGE = Path(__file__).parents[3] / "n8n"
MODULES = HOST / "node_modules"
PATIENCE = 120.0
"""n8n starts in ten seconds on an idle machine; others may be at work here."""
QUIET = {
    "N8N_DIAGNOSTICS_ENABLED": "false",
    "N8N_DIAGNOSTICS_CONFIG_FRONTEND": "",
    "N8N_DIAGNOSTICS_CONFIG_BACKEND": "",
    "EXTERNAL_FRONTEND_HOOKS_URLS": "",
    "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
    "N8N_TEMPLATES_ENABLED": "false",
    "N8N_DYNAMIC_BANNERS_ENABLED": "false",
    "N8N_PERSONALIZATION_ENABLED": "false",
    "N8N_LICENSE_AUTO_RENEW_ENABLED": "false",
    "N8N_COMMUNITY_PACKAGES_REGISTRY": "http://127.0.0.1:9",
    "N8N_SECURE_COOKIE": "false",
    "N8N_ENCRYPTION_KEY": "only-for-tests-on-loopback",
    "SCARF_ANALYTICS": "false",
    "GENERIC_TIMEZONE": "UTC",
}
"""n8n that asks nobody outside."""
OWNER = {"email": "owner@example.test", "firstName": "O", "lastName": "Wner", "password": "Only-4-tests-on-loopback"}


def what_is_lacking() -> str:
    """A sentence when n8n or the package cannot be run here, else nothing."""
    wanted = (MODULES / "n8n/bin/n8n", MODULES / "sqlite3/build/Release/node_sqlite3.node", PACKAGE / "dist/nodes")
    missing = [str(each) for each in wanted if not each.exists()]
    return f"not there: {', '.join(missing)}: `make test-n8n` installs and builds it" if missing else ""


def until(holds: Callable[[], Any], what: str = "it", patience: float = 45.0) -> Any:
    """Wait for something to become true; what it then is."""
    ends_at = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < ends_at, f"{what} never came true"
        time.sleep(0.05)
    return found


class RunningN8n:
    """One n8n with the package loaded as a user would have it; a context manager, which ends it."""

    def __init__(self, directory: Path, env: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / "n8n.log"
        self._env = {
            **os.environ,
            **QUIET,
            "N8N_USER_FOLDER": str(directory),
            "N8N_LISTEN_ADDRESS": "127.0.0.1",
            "N8N_HOST": "127.0.0.1",
            "N8N_PORT": str(self.port),
            "N8N_RUNNERS_BROKER_PORT": str(free_port()),
            "WEBHOOK_URL": f"{self.url}/",
            **(env or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._asking = requests.Session()
        self._asking.trust_env = False
        nodes = directory / ".n8n/nodes/node_modules"
        nodes.mkdir(parents=True)
        (nodes / PACKAGE_NAME).symlink_to(PACKAGE)

    def __enter__(self) -> Self:
        with ExitStack() as begun:  # one that never comes up is ended, too
            begun.push(self.__exit__)
            self.start()
            begun.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._asking.close()

    def start(self) -> None:
        """Run it; returns when its editor and its active workflows are there."""
        begun = len(self.words())
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                ["node", str(MODULES / "n8n/bin/n8n"), "start"],
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        until(lambda: self._is_up(begun), "n8n's editor", PATIENCE)

    def _is_up(self, begun: int) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"n8n ended: {self.words()[-3000:]}"
        return "Editor is now accessible" in self.words()[begun:]

    def stop(self) -> None:
        """End it, and what it started. Stopping twice does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def words(self) -> str:
        """All that it logged."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    # -- asking ---------------------------------------------------------------------------------------------------

    def call(self, method: str, path: str, json: object = None) -> Any:
        """What one of its REST routes answers."""
        answer = self._asking.request(method, f"{self.url}/rest{path}", json=json, timeout=60)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer.json().get("data")

    def become_owner(self) -> None:
        """Set the instance up; the session's cookie is kept."""
        self.call("POST", "/owner/setup", OWNER)

    def sign_in(self) -> None:
        """Again, after a restart."""
        self.call("POST", "/login", {"emailOrLdapLoginId": OWNER["email"], "password": OWNER["password"]})

    def add_credential(self, name: str, kind: str, data: Mapping[str, object]) -> str:
        """Its id."""
        return str(self.call("POST", "/credentials", {"name": name, "type": kind, "data": data})["id"])

    def test_credential(self, identity: str, name: str, kind: str, data: Mapping[str, object]) -> Mapping[str, str]:
        """What the editor's "Test" says."""
        body = {"credentials": {"id": identity, "name": name, "type": kind, "data": data}}
        told: Mapping[str, str] = self.call("POST", "/credentials/test", body)
        return told

    def add_workflow(self, document: Mapping[str, Any], credentials: Mapping[str, str]) -> dict[str, Any]:
        """Import a workflow as the editor does; `credentials` has the ids, by name."""
        nodes = [_with_credentials(node, credentials) for node in document["nodes"]]
        body = {key: document[key] for key in ("name", "connections", "settings")}
        added: dict[str, Any] = self.call("POST", "/workflows", {**body, "nodes": nodes})
        return added

    def activate(self, workflow: Mapping[str, Any]) -> None:
        """Publish it."""
        self.call("POST", f"/workflows/{workflow['id']}/activate", {"versionId": workflow["versionId"]})

    def deactivate(self, workflow: Mapping[str, Any]) -> None:
        """Take it back."""
        self.call("POST", f"/workflows/{workflow['id']}/deactivate", {})

    def executions(self, workflow: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Its runs, newest first."""
        found = self.call("GET", f"/executions?limit=100&filter=%7B%22workflowId%22%3A%22{workflow['id']}%22%7D")
        results: list[dict[str, Any]] = found["results"]
        return results

    def busy(self, workflow: Mapping[str, Any]) -> bool:
        """Whether a run of it is under way; one that waits for a call is not."""
        return any(each["status"] in ("new", "running") for each in self.executions(workflow))

    def run_of(self, execution: str) -> dict[str, Any]:
        """What each node of a run gave, by node, and `error` when it failed."""
        told = self.call("GET", f"/executions/{execution}")
        result = _unflattened(told["data"])["resultData"]
        return {"status": told["status"], "error": result.get("error"), "nodes": result["runData"]}


PACKAGE_NAME = "n8n-nodes-mailover"


def _with_credentials(node: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    wanted = node.get("credentials", {})
    return {**node, "credentials": {kind: {**each, "id": ids[each["name"]]} for kind, each in wanted.items()}}


def _unflattened(text: str) -> Any:
    """n8n keeps runs in the format of the npm package flatted: a list in which strings are indices."""
    values = json.loads(text)
    made: dict[int, Any] = {}

    def value(index: int) -> Any:
        if index in made:
            return made[index]
        raw = values[index]
        if isinstance(raw, dict):
            made[index] = filled = {}
            filled.update({key: entry(each) for key, each in raw.items()})
        elif isinstance(raw, list):
            made[index] = listed = []
            listed.extend(entry(each) for each in raw)
        else:
            made[index] = raw
        return made[index]

    def entry(raw: Any) -> Any:
        return value(int(raw)) if isinstance(raw, str) else raw

    return value(0)
