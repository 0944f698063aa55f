"""From the settings to where mail is taken, and on what terms."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from mailover.config import build
from mailover.config.settings import Settings
from mailover.demo.authority import Authority
from mailover.errors import ConfigError
from mailover.relay.intake_plan import Plan, plan_of
from mailover.smtp.server import Logins


def plan(relay: dict[str, Any]) -> Plan:
    settings: Settings = build(
        {
            "providers": {"a": {"host": "smtp.a.example", "from": "a@example.com"}},
            "streams": {"login": {"providers": ["a"]}, "news": {"providers": ["a"], "default": True}},
            "tokens": {"app": {"token": 40 * "t", "scopes": ["send"]}},
            "relay": relay,
        },
        {},
    )
    assert settings.relay is not None
    return plan_of(settings, settings.relay)


@pytest.fixture
def pair(authority: Authority, tmp_path: Path) -> dict[str, Any]:
    certificate, key = authority.write_server(tmp_path, "localhost")
    return {"certificate_file": str(certificate), "key_file": str(key)}


def test_by_default_this_machine_may_send_without_a_login() -> None:
    made = plan({})
    (only,) = made.listeners
    assert (only.key, str(only.address), only.implicit, only.stream) == ("relay.listen", "127.0.0.1:2525", False, None)
    assert only.terms.logins is Logins.OPTIONAL
    assert not only.terms.tls_offered
    assert (made.default_stream, made.streams) == ("news", frozenset({"login", "news"}))
    assert made.context is None


def test_a_login_may_be_required_on_loopback_too() -> None:
    assert plan({"require_login": True}).listeners[0].terms.logins is Logins.REQUIRED


def test_beyond_loopback_tls_and_a_login_are_required_whatever_the_config_says(pair: dict[str, Any]) -> None:
    made = plan({"listen": "0.0.0.0:587", **pair})
    terms = made.listeners[0].terms
    assert (terms.tls_offered, terms.tls_required, terms.logins) == (True, True, Logins.REQUIRED)
    assert not terms.clear_logins
    assert made.context is not None


def test_each_listener_has_its_own_place_and_its_own_terms(pair: dict[str, Any]) -> None:
    listeners = {"tls": {"listen": "[::]:465", "tls": "implicit"}, "news": {"listen": "127.0.0.1:26", "stream": "news"}}
    made = plan({**pair, "listeners": listeners, "limits": {"recipients": 7, "idle": "1m"}})
    assert [each.key for each in made.listeners] == [
        "relay.listen",
        "relay.listeners.tls.listen",
        "relay.listeners.news.listen",
    ]
    assert [each.implicit for each in made.listeners] == [False, True, False]
    assert [each.stream for each in made.listeners] == [None, None, "news"]
    assert [each.terms.tls_required for each in made.listeners] == [False, True, False]
    assert {each.terms.recipients for each in made.listeners} == {7}
    assert made.limits.idle == 60


def test_a_certificate_that_cannot_be_used_is_a_problem_of_the_config(pair: dict[str, Any], tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    other.write_text("no key\n", encoding="ascii")
    with pytest.raises(ConfigError, match=r"relay\.certificate_file: cannot be used with relay\.key_file"):
        plan({**pair, "key_file": str(other)})


def test_nobody_is_asked_for_the_password_of_a_key(pair: dict[str, Any], tmp_path: Path) -> None:
    key = load_pem_private_key(Path(pair["key_file"]).read_bytes(), None)
    sealed = tmp_path / "sealed.key"
    sealed.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with pytest.raises(ConfigError, match=r"cannot be used with relay\.key_file: the key needs a password"):
        plan({**pair, "key_file": str(sealed)})
