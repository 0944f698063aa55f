"""Where a secret comes from, which place wins, and that it never comes out again."""

import copy
import pickle
from pathlib import Path

import pytest

from mailover.config import Settings, build, load, show
from mailover.errors import ConfigError

CANARY = "SECRET-CANARY-0123456789-abcdefghi"


def document(**more: str) -> dict[str, object]:
    provider = {"host": "smtp.example.com", "username": "u", **more}
    return {"providers": {"mail-gun": provider}, "streams": {"s": {"providers": ["mail-gun"]}}}


def password(settings: Settings) -> str | None:
    secret = settings.providers["mail-gun"].password
    return secret and secret.reveal()


def test_a_file_gives_the_secret_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text(" blanks stay \r\n\n", encoding="utf-8")
    assert password(build(document(password_file="pw"), {}, directory=tmp_path)) == " blanks stay "


def test_a_relative_path_starts_at_the_config_file(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("here", encoding="utf-8")
    config = tmp_path / "config.toml"
    config.write_text(
        '[providers.mail-gun]\nhost = "h.example"\nusername = "u"\npassword_file = "pw"\n'
        '[streams.s]\nproviders = ["mail-gun"]\n',
        encoding="utf-8",
    )
    assert password(load(config, {})) == "here"


def test_systemd_hands_a_secret_over_by_the_name_of_its_key(tmp_path: Path) -> None:
    (tmp_path / "mailover_providers__mail_gun__password").write_text("from systemd\n", encoding="utf-8")
    assert password(build(document(), {"CREDENTIALS_DIRECTORY": str(tmp_path)})) == "from systemd"


def test_what_the_file_says_wins_over_a_directory_of_secrets(tmp_path: Path) -> None:
    (tmp_path / "mailover_providers__mail_gun__password").write_text("from systemd", encoding="utf-8")
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert password(build(document(password="inline"), env)) == "inline"
    (tmp_path / "pw").write_text("from a file", encoding="utf-8")
    assert password(build(document(password_file="pw"), env, directory=tmp_path)) == "from a file"


def test_the_environment_wins_over_both_forms_in_the_file(tmp_path: Path) -> None:
    env = {"MAILOVER_PROVIDERS__MAIL_GUN__PASSWORD": "from the environment"}
    assert password(build(document(password="inline"), env)) == "from the environment"
    assert password(build(document(password_file="absent"), env)) == "from the environment"
    (tmp_path / "pw").write_text("from a file", encoding="utf-8")
    env = {"MAILOVER_PROVIDERS__MAIL_GUN__PASSWORD_FILE": str(tmp_path / "pw")}
    assert password(build(document(password="inline"), env)) == "from a file"


def test_an_empty_credential_is_refused_by_its_place(tmp_path: Path) -> None:
    credential = tmp_path / "mailover_providers__mail_gun__password"
    credential.touch()
    with pytest.raises(ConfigError) as caught:
        build(document(), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert caught.value.problems == [f"providers.mail-gun.password_file: {credential} is an empty file"]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"x" * 65537, "is larger than 64 KiB; is it the right file?"), (b"\xff\xfe", "is not UTF-8 text")],
)
def test_a_file_that_is_no_secret_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "pw").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        build(document(password_file="pw"), {}, directory=tmp_path)
    assert caught.value.problems == [f"providers.mail-gun.password_file: {says}"]


def everywhere() -> dict[str, object]:
    """A config with the canary in every secret there is."""
    signing = "whsec_" + "Q0FOQVJZ" * 4
    return {
        **document(password=CANARY),
        "storage": {"url": f"postgresql+psycopg://u:{CANARY}@db/mailover"},
        "tokens": {"app": {"token": CANARY, "scopes": ["read"]}},
        "slack": {"token": CANARY, "channel": "C0123456789"},
        "webhooks": {"w": {"url": "https://example.com/", "secret": signing}},
        "round_trip": {
            "to": "p@example.com",
            "imap": {"host": "imap.example.com", "username": "p", "password": CANARY},
        },
    }


def test_no_secret_is_seen_in_settings_however_they_are_looked_at() -> None:
    settings = build(everywhere(), {})
    seen = "\n".join(
        (
            repr(settings),
            str(settings),
            f"{settings}",
            show(settings),
            str(settings.model_dump()),
            repr(copy.copy(settings)),
        )
    )
    assert CANARY not in seen
    assert "Q0FOQVJZ" not in seen
    with pytest.raises(TypeError):
        pickle.dumps(settings)


def test_no_secret_is_seen_in_a_refusal_wherever_it_was_pasted() -> None:
    wrong = everywhere()
    wrong["server"] = {"listen": CANARY, "public_url": CANARY, "instance": CANARY}
    wrong["probes"] = {"deadline": CANARY, "slow_is_failure": CANARY, "profile": CANARY}
    wrong["providers"] = {"a": {"host": CANARY + "!", "port": CANARY, "tls": CANARY, "preset": CANARY, "from": CANARY}}
    wrong["slack"] = {"token": CANARY, "channel": CANARY, "webhook_url": CANARY}
    with pytest.raises(ConfigError) as caught:
        build(wrong, {"MAILOVER_REFERENCES__TCP": "[" + CANARY})
    assert len(caught.value.problems) > 10
    assert CANARY not in str(caught.value) + repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_secret_of_the_wrong_kind_is_refused() -> None:
    wrong = document()
    wrong["slack"] = {"token": 5}
    with pytest.raises(ConfigError, match=r"slack.token: must be a text in quotes"):
        build(wrong, {})
