"""The command line as people use it: what it prints, and how it ends."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailover.bootstrap import House, assemble
from mailover.cli import main
from mailover.config import load
from mailover.demo.behaviour import Behaviour
from mailover.demo.provider import Provider

CANARY = "canary-secret-of-the-command-line-tests"


@pytest.fixture
def providers() -> Iterator[dict[str, Provider]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Provider(name, password=CANARY)) for name in ("first", "second")}


@pytest.fixture
def config(tmp_path: Path, providers: dict[str, Provider], ca_file: str) -> Path:
    accounts = "".join(
        f'[providers.{name}]\nhost = "{each.host}"\nport = {each.port}\nusername = "{each.username}"\n'
        f'password_file = "password"\nca_file = "{ca_file}"\nfrom = "noreply@example.com"\n'
        for name, each in providers.items()
    )
    tmp_path.joinpath("password").write_text(CANARY)
    path = tmp_path / "config.toml"
    path.write_text(
        f'[server]\nlisten = "127.0.0.1:0"\n[storage]\nurl = "sqlite:///{tmp_path}/mailover.db"\n{accounts}'
        '[streams.mail]\nproviders = ["first", "second"]\n[probes]\ndeadline = "3s"\nslow = "2s"\n'
    )
    return path


@pytest.fixture
def house(config: Path) -> Iterator[House]:
    built = assemble(load(config, {}))
    built.start()
    yield built
    built.stop()


def run(*arguments: str, config: Path | None = None, **kwargs: str) -> Result:
    """One invocation; `kwargs` are CliRunner's."""
    chosen = ["--config", str(config)] if config is not None else []
    result = CliRunner().invoke(main, [*chosen, *arguments], **kwargs)  # type: ignore[arg-type]
    assert CANARY not in result.output
    return result


def ask(house: House, *arguments: str) -> Result:
    return run("--url", house.api.url, *arguments)


def test_every_command_has_help() -> None:
    pages = [["--help"]]
    told: list[str] = []
    while pages:
        page = pages.pop()
        result = run(*page)
        assert result.exit_code == 0, page
        assert result.output.startswith("Usage: ")
        found = re.search(r"^Commands:\n((?:  .*\n?)+)", result.output, re.MULTILINE)
        names = re.findall(r"^  (\S+)", found[1], re.MULTILINE) if found else []
        pages += [[*page[:-1], name, "--help"] for name in names]
        told.append(" ".join(page[:-1]))
        assert found is None or "..." not in found[1], page  # a line that is cut off helps nobody
    assert {"run", "check", "providers enable", "streams order", "config init", "token create", "dns spf"} <= set(told)


def test_status_says_what_each_flag_says_and_why(house: House) -> None:
    result = ask(house, "status")
    assert result.exit_code == 0
    assert "mail: first is first in order and not yet probed" in result.output
    told = json.loads(ask(house, "status", "--json").output)
    assert [stream["flag"]["provider"] for stream in told["streams"]] == ["first"]
    assert [provider["name"] for provider in told["providers"]] == ["first", "second"]


def test_status_of_a_stream_in_trouble_ends_with_one(house: House) -> None:
    ask(house, "providers", "disable", "first")
    ask(house, "providers", "disable", "second")
    result = ask(house, "status")
    assert result.exit_code == 1
    assert "every provider of this stream is disabled" in result.output


def test_switch_pins_for_an_hour_and_unpin_ends_it(house: House) -> None:
    switched = json.loads(ask(house, "switch", "second", "--reason", "trying it", "--json").output)
    assert (switched["flag"]["provider"], switched["flag"]["mode"]) == ("second", "pinned")
    assert switched["pin"]["reason"] == "trying it"
    unpinned = json.loads(ask(house, "unpin", "--json").output)
    assert unpinned["pin"] is None


def test_a_pin_takes_a_duration(house: House) -> None:
    assert ask(house, "pin", "second", "--for", "2h").exit_code == 0
    assert "2 hours" not in ask(house, "pin", "second", "--for", "two hours").output
    assert ask(house, "pin", "second", "--for", "two hours").exit_code == 2


def test_what_the_agent_refuses_is_said_in_its_words(house: House) -> None:
    result = ask(house, "switch", "third")
    assert result.exit_code == 2
    assert "'third' is not a provider of mail: first and second are" in result.output


def test_order_failback_events_and_failovers(house: House) -> None:
    ordered = json.loads(ask(house, "streams", "order", "mail", "second", "first", "--json").output)
    assert ordered["order"] == ["second", "first"]
    assert ordered["flag"]["provider"] == "second"
    assert ask(house, "failback").exit_code == 0
    assert "first -> second" in ask(house, "failovers").output
    assert "agent.started agent: the agent has started" in ask(house, "events").output
    types = [event["type"] for event in json.loads(ask(house, "events", "--json").output)["items"]]
    assert types[0] == "agent.started"
    only = json.loads(ask(house, "events", "--type", "agent.started", "--json").output)["items"]
    assert [event["type"] for event in only] == ["agent.started"]


def test_logs_end_with_the_newest_however_few_are_asked_for(house: House) -> None:
    for order in (("second", "first"), ("first", "second")):
        assert ask(house, "streams", "order", "mail", *order).exit_code == 0
    assert "second -> first" in ask(house, "failovers", "--limit", "1").output
    told = json.loads(ask(house, "events", "--json").output)["items"]
    assert json.loads(ask(house, "events", "--limit", "2", "--json").output)["items"] == told[-2:]
    followed = json.loads(ask(house, "events", "--after", told[0]["id"], "--limit", "1", "--json").output)["items"]
    assert followed == told[1:2]


def test_no_agent_is_exit_code_three() -> None:
    result = run("--url", "http://127.0.0.1:1", "status")
    assert result.exit_code == 3
    assert "no agent answers at http://127.0.0.1:1" in result.output


def test_check_shows_each_stage_without_an_agent(config: Path) -> None:
    result = run("check", "first", config=config)
    assert result.exit_code == 0, result.output
    assert "first login ok in" in result.output
    assert "auth 0." in result.output


def test_check_of_a_failing_provider_ends_with_one(config: Path, providers: dict[str, Provider]) -> None:
    providers["second"].behave(Behaviour.AUTH)
    result = run("check", "--kind", "login", "--json", config=config)
    assert result.exit_code == 1
    told = {each["provider"]: each for each in json.loads(result.output)}
    assert told["first"]["ok"]
    assert told["second"]["failure"]["kind"] == "auth"
    assert told["second"]["failure"]["code"] == 535


def test_check_of_an_unknown_provider_names_those_there_are(config: Path) -> None:
    result = run("check", "third", config=config)
    assert result.exit_code == 2
    assert "no provider is called 'third'; the config has first, second" in result.output


def test_explain_in_words_and_in_json() -> None:
    words = run("explain", "--stage", "auth", "535 5.7.8 Username and Password not accepted")
    assert words.output.startswith("auth (owner: account; may move its breaker)")
    told = json.loads(run("explain", "--stage", "rcpt", "550 5.1.1 No such user", "--json").output)
    assert (told["kind"], told["owner"], told["moves_breaker"]) == ("recipient", "nobody", False)
    assert told["because"]


def test_explain_reads_lines() -> None:
    lines = "auth\t535 5.7.8 Bad credentials\nrcpt\t550 5.1.1 No such user\nnowhere\t550 no\n"
    told = [json.loads(line) for line in run("explain", "--stdin", "--json", input=lines).output.splitlines()]
    assert [each.get("kind") for each in told] == ["auth", "recipient", None]
    assert "no stage 'nowhere'" in told[2]["error"]


def test_config_check_lists_every_problem_and_ends_with_two(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[server]\nlisten = 5\nport = 1\n[providers.a]\n")
    result = run("config", "check", config=path)
    assert result.exit_code == 2
    assert "server.port" in result.output
    assert "server.listen" in result.output
    told = json.loads(run("config", "check", "--json", config=path).output)
    assert told["ok"] is False
    assert len(told["problems"]) >= 3


def test_config_check_and_show_of_a_good_one(config: Path) -> None:
    assert "is fine: 2 providers, 1 stream, 0 tokens" in run("config", "check", config=config).output
    shown = run("config", "show", config=config)
    assert shown.exit_code == 0
    assert "[providers.first]" in shown.output


def test_config_init_writes_a_file_that_loads(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    arguments = ("config", "init", "--provider", "sendgrid", "--provider", "postmark", "--output", str(path))
    result = run(*arguments, "--from", "shop@example.com")
    assert result.exit_code == 0, result.output
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert run(*arguments).exit_code == 2
    (tmp_path / "secrets").mkdir(exist_ok=True)
    for name in ("sendgrid", "postmark"):
        (tmp_path / "secrets" / name).write_text("a-password")
    checked = run("config", "check", config=path)
    assert "postmark" in path.read_text()
    assert "unknown" not in checked.output


def test_a_token_is_shown_once_and_works_until_it_is_revoked(config: Path) -> None:
    made = CliRunner().invoke(main, ["--config", str(config), "token", "create", "app", "--scope", "read"])
    assert made.exit_code == 0, made.output
    secret = made.stdout.strip()
    assert secret.startswith("mlo_")
    listed = run("token", "list", config=config)
    assert listed.output == "app: read (store)\n"
    built = assemble(load(config, {}))
    built.start()
    try:
        assert run("--url", built.api.url, "--token", secret, "status").exit_code == 0
        refused = run("--url", built.api.url, "status")
        assert refused.exit_code == 2
        assert "A valid token is needed" in refused.output
    finally:
        built.stop()
    assert run("token", "revoke", "app", config=config).exit_code == 0
    assert run("token", "revoke", "app", config=config).exit_code == 2


def test_db_upgrade_brings_the_store_up_to_date(config: Path) -> None:
    assert run("db", "upgrade", config=config).output == "the store is up to date\n"


def test_run_stops_gracefully_on_sigterm(config: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAILOVER_")}
    command = [sys.executable, "-m", "mailover", "--config", str(config), "run"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        while "the API answers at http://127.0.0.1:" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        process.terminate()
        rest = process.stderr.read()
        assert process.wait(10) == 0, said + rest
    assert CANARY not in said + rest
    assert "Traceback" not in said + rest


def test_run_with_a_bad_config_starts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[streams.mail]\nproviders = []\n[storage]\nurl = "sqlite:///never.db"\n')
    result = run("run", config=path)
    assert result.exit_code == 2
    assert "the config is refused:" in result.output
    assert not (tmp_path / "never.db").exists()


def test_what_the_agent_refuses_is_told_with_the_part_that_is_wrong(house: House) -> None:
    result = ask(house, "events", "--type", "nonsense")
    assert result.exit_code == 2
    assert result.output.startswith("mailover: The query is not valid: type: Input should be ")
