"""Where the file is found, which origin of a value wins, and that every problem is told at once."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mailover.config import build, find, load
from mailover.errors import ConfigError
from mailover.secrets import Secret

Write = Callable[..., Path]


def problems(path: Path | None, env: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, env)
    return caught.value.problems


class TestFinding:
    def test_the_option_wins_over_everything_even_when_it_is_not_there(self, tmp_path: Path) -> None:
        option = tmp_path / "absent.toml"
        assert find(option, {"MAILOVER_CONFIG": "/elsewhere.toml"}) == option

    def test_then_the_variable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("config.toml").touch()
        assert find(None, {"MAILOVER_CONFIG": "/elsewhere.toml"}) == Path("/elsewhere.toml")

    def test_then_the_working_directory_then_the_user_s_own(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        own = tmp_path / "xdg" / "mailover" / "config.toml"
        homely = tmp_path / "home" / ".config" / "mailover" / "config.toml"
        for path in (own, homely):
            path.parent.mkdir(parents=True)
            path.touch()
        assert find(None, {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "HOME": str(tmp_path / "home")}) == own
        assert find(None, {"HOME": str(tmp_path / "home")}) == homely
        Path("config.toml").touch()
        assert find(None, {"HOME": str(tmp_path / "home")}) == Path("config.toml")

    def test_an_absent_file_is_a_problem_with_its_name(self, tmp_path: Path) -> None:
        assert problems(tmp_path / "c.toml", {}) == [f"{tmp_path}/c.toml: cannot be read: No such file or directory"]

    def test_a_file_in_another_encoding_is_refused_where_it_begins(self, tmp_path: Path) -> None:
        path = tmp_path / "c.toml"
        path.write_bytes("# für".encode("latin-1"))
        assert problems(path, {}) == [f"{path}: byte 3 is not UTF-8; save the file as UTF-8"]


class TestEnvironment:
    def test_a_variable_overrides_one_key_and_leaves_the_rest(self, small: str, write: Write) -> None:
        settings = load(write(small), {"MAILOVER_PROVIDERS__POSTMARK__PORT": "2525"})
        assert settings.providers["postmark"].port == 2525
        assert settings.providers["postmark"].host == "smtp.postmarkapp.com"
        assert list(settings.providers) == ["postmark", "ses"]

    def test_the_environment_alone_is_enough(self) -> None:
        env = {
            "MAILOVER_PROVIDERS__MAILGUN_EU__PRESET": "mailgun-eu",
            "MAILOVER_PROVIDERS__RELAY__HOST": "relay.example.com",
            "MAILOVER_STREAMS__BULK__PROVIDERS": "mailgun-eu, relay",
            "MAILOVER_STREAMS__BULK__MODE": "balance",
            "MAILOVER_STREAMS__BULK__WEIGHTS__RELAY": "0.1",
            "MAILOVER_STREAMS__BULK__WEIGHTS__MAILGUN_EU": "0.9",
            "MAILOVER_STREAMS__BULK__REQUIRE_DNS": "true",
            "MAILOVER_STREAMS__BULK__PEAK_HOURS": '[{"hours": "08:00-18:00", "zone": "UTC", "providers": ["relay"]}]',
            "MAILOVER_REFERENCES__TCP": '["ntp.example.com:123"]',
        }
        settings = load(None, env)
        bulk = settings.streams["bulk"]
        assert bulk.providers == ("mailgun-eu", "relay")
        assert bulk.weights == {"relay": 0.1, "mailgun-eu": 0.9}
        assert bulk.require_dns
        assert bulk.peak_hours[0].providers == ("relay",)
        assert [str(peer) for peer in settings.references.tcp] == ["ntp.example.com:123"]

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("MAILOVER_SERVER_LISTEN", "did you mean MAILOVER_SERVER__LISTEN?"),
            ("MAILOVER_PROVIDERS__POSTMARK__PASWORD", "did you mean MAILOVER_PROVIDERS__POSTMARK__PASSWORD?"),
            ("MAILOVER_COLOUR", "a table and a key are joined by two underscores"),
        ],
    )
    def test_a_variable_that_names_no_key_is_refused(self, small: str, write: Write, name: str, says: str) -> None:
        assert problems(write(small), {name: "x"}) == [f"{name}: unknown variable; {says}"]

    def test_a_variable_that_is_no_list_is_refused(self, small: str, write: Write) -> None:
        told = problems(write(small), {"MAILOVER_REFERENCES__TCP": "[a"})
        assert told == ['MAILOVER_REFERENCES__TCP: must be JSON, such as ["a", "b"] or {"a": 1}']

    def test_what_orchestrators_and_tests_set_is_not_meant_for_the_config(self, small: str, write: Write) -> None:
        env = {
            "MAILOVER_CONFIG": "x",
            "MAILOVER_URL": "x",
            "MAILOVER_TOKEN": "x",
            "MAILOVER_TEST_POSTGRES": "x",
            "MAILOVER_PORT": "tcp://10.0.0.1:8587",
            "MAILOVER_PORT_8587_TCP_ADDR": "10.0.0.1",
            "MAILOVER_SERVICE_HOST": "10.0.0.1",
            "MAILOVER_SERVICE_PORT_HTTP": "8587",
            "PATH": "/bin",
        }
        assert load(write(small), env) == load(write(small), {})

    def test_the_process_environment_is_never_asked(
        self, small: str, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(os.environ, "MAILOVER_PROVIDERS__POSTMARK__PORT", "2525")
        monkeypatch.setitem(os.environ, "SERVER", "{}")
        assert load(write(small), {}).providers["postmark"].port == 587


class TestAllAtOnce:
    def test_every_problem_of_every_origin_is_told(self, write: Write) -> None:
        path = write("""
            [providers.postmark]
            preset = "postmrk"
            port = 99999
            [providers.relay]
            hst = "relay.example.com"
            username = "u"
            password_file = "absent"
            [streams.bulk]
            providers = ["relai", "postmark"]
            [probes]
            deadline = "fast"
            [server]
            listen = "0.0.0.0:8587"
        """)
        told = problems(path, {"MAILOVER_PROBES__SLOWLY": "1s"})
        assert [problem.partition(": ")[0] for problem in told] == [
            "MAILOVER_PROBES__SLOWLY",
            "providers.postmark.preset",
            "providers.postmark.port",
            "providers.relay.host",
            "providers.relay.hst",
            "providers.relay.password_file",
            "streams.bulk.providers",
            "probes.deadline",
            "server.listen",
        ]

    def test_equal_files_make_equal_settings(self, small: str, write: Write) -> None:
        assert load(write(small), {}) == load(write(small, "other.toml"), {})

    def test_the_document_that_is_built_from_stays_as_it_is(self) -> None:
        document = {
            "providers": {"a": {"host": "h.example", "username": "u", "password": "p"}},
            "streams": {"s": {"providers": ["a"]}},
        }
        build(document, {})
        assert document["providers"] == {"a": {"host": "h.example", "username": "u", "password": "p"}}


def test_settings_are_frozen(small: str, write: Write) -> None:
    settings = load(write(small), {})
    with pytest.raises(ValueError, match="frozen"):
        settings.providers["ses"].password = Secret("x")  # type: ignore[misc]


def test_the_first_stream_is_the_default_unless_one_says_so(small: str, write: Write) -> None:
    two = small + '[streams.bulk]\nproviders = ["ses"]\n'
    assert load(write(two), {}).default_stream == "transactional"
    assert load(write(two + "default = true\n"), {}).default_stream == "bulk"
