"""The keys that seal the text of mail: one or several, inline or in a file, never shown."""

import base64
from pathlib import Path
from typing import Any

import pytest

from mailover.config import Settings, build, show
from mailover.errors import ConfigError

OLD, NEW = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


def configured(relay: dict[str, Any]) -> Settings:
    providers = {"a": {"host": "a.example"}}
    return build({"providers": providers, "streams": {"s": {"providers": ["a"]}}, "relay": relay}, {})


def keys(settings: Settings) -> list[str]:
    assert settings.relay is not None
    return [key.reveal() for key in settings.relay.encryption_key]


def test_without_a_key_nothing_is_sealed() -> None:
    assert keys(configured({})) == []


def test_the_keys_are_given_in_a_list_or_in_a_file_the_sealing_one_first(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{NEW}\n{OLD}\n")
    assert keys(configured({"encryption_key": [NEW, OLD]})) == [NEW, OLD]
    assert keys(configured({"encryption_key": NEW})) == [NEW]
    assert keys(configured({"encryption_key_file": str(file)})) == [NEW, OLD]


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("not base64!", "must be base64, as made by: openssl rand -base64 32"),
        (["hunter2hunter2"], "base64"),
        (base64.b64encode(b"short").decode(), "must be 32 bytes in base64"),
        ([NEW, base64.b64encode(bytes(33)).decode()], "must be 32 bytes in base64"),
    ],
)
def test_what_is_no_key_is_refused_without_being_repeated(key: Any, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        configured({"encryption_key": key})
    (problem,) = refused.value.problems
    assert problem.startswith("relay.encryption_key")
    assert says in problem
    assert "hunter2" not in problem


def test_no_key_is_ever_shown() -> None:
    settings = configured({"encryption_key": [NEW]})
    assert NEW not in show(settings) + repr(settings)
