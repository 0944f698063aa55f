"""Signatures that both sides of the wire are held against: ours, a library's, and the n8n node's in its own tests."""

import json
from pathlib import Path
from typing import Any

import pytest
import time_machine
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from mailover.alerts.hooks_signing import signature
from mailover.secrets import Secret

VECTORS = json.loads((Path(__file__).parents[1] / "data/standard_webhooks.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", [each for each in VECTORS if each["signed_with"]], ids=lambda each: each["name"])
def test_ours_is_the_signature_that_everybody_expects(vector: dict[str, Any]) -> None:
    secrets = [Secret(each) for each in vector["signed_with"]]
    assert signature(vector["id"], vector["timestamp"], vector["body"].encode(), secrets) == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: each["name"])
def test_the_library_agrees_on_what_is_genuine(vector: dict[str, Any]) -> None:
    headers = {
        "webhook-id": vector["id"],
        "webhook-timestamp": str(vector["timestamp"]),
        "webhook-signature": vector["signature"],
    }

    def fits(secret: str) -> bool:
        try:
            Webhook(secret).verify(vector["body"], headers)
        except WebhookVerificationError:
            return False
        return True

    with time_machine.travel(vector["now"], tick=False):
        assert any(fits(each) for each in vector["secrets"]) is vector["genuine"]
