"""The node Mailover as a tool of an AI agent in real n8n; the model is a fake that calls whatever tool it is given."""

import json
import uuid
from typing import Any

import pytest
from lossy_line import LossyLine
from n8n_world import TOKEN, World

pytestmark = pytest.mark.timeout(120)


def agent(path: str) -> dict[str, Any]:
    """A question, an agent with one tool, an answer."""

    def node(name: str, kind: str, version: float, credential: str = "", **parameters: object) -> dict[str, Any]:
        wanted = {"mailoverApi": {"name": "Mailover API"}} if "mailover" in kind else {}
        if credential:
            wanted = {credential: {"name": "OpenAI"}}
        return {
            "id": str(uuid.uuid4()),
            "name": name,
            "type": kind,
            "typeVersion": version,
            "position": [0, 0],
            "parameters": parameters,
            "credentials": wanted,
        }

    asked = {"httpMethod": "POST", "path": path, "responseMode": "lastNode", "options": {}}
    model = {"model": {"__rl": True, "mode": "id", "value": "gpt-4o"}, "options": {}}
    choice = {"__rl": True, "mode": "name", "value": "={{ $fromAI('provider', `whom to use`, 'string') }}"}
    pin = {"resource": "stream", "operation": "pin", "provider": choice, "minutes": 5, "reason": "an agent said so"}
    bulk = {"__rl": True, "mode": "name", "value": "bulk"}
    return {
        "name": "An agent",
        "nodes": [
            {**node("Webhook", "n8n-nodes-base.webhook", 2, **asked), "webhookId": path},
            node(
                "Agent",
                "@n8n/n8n-nodes-langchain.agent",
                2,
                promptType="define",
                text="={{ $json.body.prompt }}",
                options={},
            ),
            node("Model", "@n8n/n8n-nodes-langchain.lmChatOpenAi", 1.2, "openAiApi", **model),
            node("Pin bulk", "n8n-nodes-mailover.mailoverTool", 1, **pin, stream=bulk),
        ],
        "connections": {
            "Webhook": {"main": [[{"node": "Agent", "type": "main", "index": 0}]]},
            "Model": {"ai_languageModel": [[{"node": "Agent", "type": "ai_languageModel", "index": 0}]]},
            "Pin bulk": {"ai_tool": [[{"node": "Agent", "type": "ai_tool", "index": 0}]]},
        },
        "settings": {"executionOrder": "v1"},
    }


def test_an_agent_pins_a_stream_with_what_the_model_chose(mended: World) -> None:
    path = str(uuid.uuid4())
    with mended.active(agent(path)):
        told = mended.post_to(path, {"prompt": json.dumps([{"provider": "sendgrid"}])})
        assert told.ok, told.text
        assert "I called it 1 times" in told.text
        assert "an agent said so" in told.text
        pinned = mended.call("GET", "/streams/bulk")["pin"]
        assert (pinned["provider"], pinned["by"], pinned["reason"]) == ("sendgrid", "n8n", "an agent said so")


def test_the_same_call_wished_twice_by_the_model_is_made_twice(mended: World) -> None:
    """Two wishes in one run are no repeat of one: each has an Idempotency-Key of its own."""
    path = str(uuid.uuid4())
    with LossyLine(f"http://127.0.0.1:{mended.agent.port}", losing=0).serving() as line:
        data = {"baseUrl": line.url, "apiToken": TOKEN}
        usual = mended.credentials["Mailover API"]
        mended.credentials["Mailover API"] = mended.n8n.add_credential("Watched", "mailoverApi", data)
        try:
            with mended.active(agent(path)):
                told = mended.post_to(path, {"prompt": json.dumps([{"provider": "sendgrid"}] * 2)})
        finally:
            mended.credentials["Mailover API"] = usual
    assert "I called it 2 times" in told.text, told.text
    assert len(line.keys) == len(set(line.keys)) == 2
