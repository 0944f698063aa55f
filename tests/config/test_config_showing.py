"""The effective config as people see it, and what is worth a warning."""

import tomllib
from collections.abc import Callable
from pathlib import Path

from mailover.config import build, load, show, warnings

Write = Callable[..., Path]


def test_what_is_shown_is_toml_that_tells_what_is_in_effect(small: str, write: Write) -> None:
    env = {"MAILOVER_PROBES__PROFILE": "patient", "MAILOVER_PROVIDERS__POSTMARK__FROM": "ä@example.com"}
    shown = tomllib.loads(show(load(write(small), env)))
    assert shown["providers"]["postmark"]["host"] == "smtp.postmarkapp.com"
    assert shown["providers"]["postmark"]["from"] == "ä@example.com"
    assert shown["providers"]["ses"]["quota_resets"] == "00:00"
    assert shown["probes"]["port_interval"] == "5m"
    assert shown["server"]["listen"] == "127.0.0.1:8587"
    assert shown["storage"]["url"] == "sqlite:///mailover.db"
    assert "relay" not in shown


def test_what_is_shown_reads_back_as_the_same_settings(small: str, write: Write) -> None:
    peak = '[[streams.bulk.peak_hours]]\nhours = "22:00-06:00"\nzone = "UTC"\nproviders = ["ses"]\n'
    bulk = f'[streams.bulk]\nproviders = ["postmark", "ses"]\nmode = "balance"\nweights = {{ ses = 0.5 }}\n{peak}'
    settings = load(write(small + bulk), {})
    assert load(write(show(settings), "shown.toml"), {}) == settings


def test_secrets_are_masked_and_the_database_keeps_only_its_kind() -> None:
    settings = build(
        {
            "storage": {"url": "postgresql+psycopg://u:hunter2@db/mailover?password=hunter2"},
            "providers": {
                "a": {"host": "a.example", "username": "u", "password": "hunter2"},
                "one-token": {"host": "b.example", "username": "hunter2", "password": "hunter2"},
            },
            "streams": {"s": {"providers": ["a"]}},
        },
        {},
    )
    shown = show(settings)
    assert 'username = "u"' in shown
    assert "hunter2" not in shown
    assert 'url = "postgresql+psycopg://***"' in shown
    assert 'password = "***"' in shown


def test_a_config_with_nothing_odd_gets_no_warning(write: Write) -> None:
    path = write("""
        [providers.a]
        host = "a.example"
        username = "u"
        password = "p"
        [providers.b]
        host = "b.example"
        username = "u"
        password = "p"
        [streams.s]
        providers = ["a", "b"]
    """)
    assert warnings(load(path, {}), path) == []


def test_a_file_with_secrets_that_others_may_read_gets_a_warning(small: str, write: Write) -> None:
    secret, plain = write(small + '[slack]\nwebhook_url = "https://hooks.example/x"\n'), write(small, "plain.toml")
    for path in (secret, plain):
        path.chmod(0o640)
    told = f"{secret}: holds secrets and others may read it; chmod 600 it, or move the secrets to files of their own"
    assert told in warnings(load(secret, {}), secret)
    secret.chmod(0o600)
    assert told not in warnings(load(secret, {}), secret)
    assert not [warning for warning in warnings(load(plain, {}), plain) if "others may read" in warning]


def test_what_has_no_effect_gets_a_warning() -> None:
    settings = build(
        {
            "providers": {"a": {"host": "a.example", "tls": "none", "allow_plaintext": True}},
            "streams": {"s": {"providers": ["a"], "weights": {"a": 1}}},
        },
        {},
    )
    assert warnings(settings, None) == [
        "providers.a: has no username, so login is never probed",
        "streams.s: has one provider, so there is nothing to fail over to",
        'streams.s.weights: are used only with mode = "balance"',
        "references.tcp: is empty and there is one provider, so its silence cannot be told from our own network's",
        "providers.a.allow_plaintext: the password may cross the network without encryption",
    ]


def test_an_unused_provider_gets_a_warning() -> None:
    providers = {name: {"preset": "postmark"} for name in ("a", "b", "c")}
    settings = build({"providers": providers, "streams": {"s": {"providers": ["a", "b"]}}}, {})
    assert "providers.c: no stream uses it" in warnings(settings, None)
