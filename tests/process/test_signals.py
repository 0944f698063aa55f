"""Signals: a graceful stop, a reload that is whole or not at all, and a second start that is refused."""

import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from running.agents import RunningAgent, Watching, until

from mailover.demo.behaviour import Behaviour
from mailover.demo.provider import Provider


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_gracefully_with_probes_and_readers_under_way(
    number: signal.Signals, watching: Watching, providers: list[Provider]
) -> None:
    providers[2].behave(Behaviour.SILENT)
    agent = watching()
    begun = time.monotonic()
    agent.signal(number)
    assert agent.wait(10) == 0
    assert time.monotonic() - begun < 10
    assert "Traceback" not in agent.words()


def test_it_may_be_stopped_while_it_starts(tmp_path: Path, document: Mapping[str, Any]) -> None:
    agent = RunningAgent(tmp_path, document)
    agent.start()
    time.sleep(0.5)
    agent.signal(signal.SIGTERM)
    assert agent.wait(10) in {0, -signal.SIGTERM}  # before Python has started, the signal's own effect
    assert "Traceback" not in agent.words()


def test_a_broken_pipe_is_no_reason_to_end(watching: Watching) -> None:
    agent = watching()
    agent.signal(signal.SIGPIPE)
    assert agent.answers()


def test_a_new_provider_appears_with_sighup(
    watching: Watching, document: Mapping[str, Any], providers: list[Provider]
) -> None:
    agent = watching(
        providers={name: each for name, each in document["providers"].items() if name != "third"},
        streams={"mail": {"providers": ["first", "second"]}},
    )
    agent.configure(document)
    agent.signal(signal.SIGHUP)
    until(lambda: agent.get("/v1/active-provider")["fallbacks"] == ["second", "third"], "the third provider")
    until(lambda: providers[2].logins > 0, "a login there")
    assert agent.provider == "first"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[providers", "the config was not reloaded, the old one stays"),
        ("unheard_of = 1\n", "unheard_of"),
        ("", "the config was not reloaded"),
    ],
)
def test_a_bad_config_keeps_the_old_one(text: str, words: str, watching: Watching, providers: list[Provider]) -> None:
    agent = watching()
    agent.config.write_text(text, encoding="utf-8")
    agent.signal(signal.SIGHUP)
    until(lambda: words in agent.words(), "the complaint")
    looked = providers[0].logins
    until(lambda: providers[0].logins >= looked + 2, "two more logins")
    providers[0].behave(Behaviour.REFUSE)
    until(lambda: agent.provider == "second", "the failover")


def test_a_config_that_is_gone_or_unreadable_keeps_the_old_one(watching: Watching) -> None:
    agent = watching()
    agent.config.unlink()
    agent.signal(signal.SIGHUP)
    until(lambda: "the config was not reloaded" in agent.words(), "the complaint")
    assert agent.provider == "first"


def test_a_burst_of_reloads_ends_well(watching: Watching) -> None:
    agent = watching()
    for _ in range(10):
        agent.signal(signal.SIGHUP)
        time.sleep(0.02)
    until(lambda: agent.words().count("the config was reloaded") >= 1, "a reload")
    assert agent.answers()
    agent.signal(signal.SIGTERM)
    assert agent.wait(15) == 0
    assert "Traceback" not in agent.words()


def test_a_second_agent_on_the_same_file_is_refused_in_words(
    watching: Watching, tmp_path: Path, document: Mapping[str, Any]
) -> None:
    agent = watching()
    elsewhere = tmp_path / "second"
    elsewhere.mkdir()
    second = RunningAgent(elsewhere, document)
    second.share_store_of(agent)
    second.start()
    assert second.wait() == 2
    assert "another mailover runs with" in second.words()
    assert "Traceback" not in second.words()
    assert agent.answers()


def test_a_second_agent_on_the_same_port_is_refused_in_words(
    watching: Watching, tmp_path: Path, document: Mapping[str, Any]
) -> None:
    agent = watching()
    elsewhere = tmp_path / "second"
    elsewhere.mkdir()
    second = RunningAgent(elsewhere, document)
    second.share_port_of(agent)
    second.start()
    assert second.wait() == 2
    assert "server.listen: 127.0.0.1" in second.words()
    assert agent.answers()


def test_killed_at_any_moment_it_goes_on_where_it_was(watching: Watching, providers: list[Provider]) -> None:
    agent = watching()
    providers[0].behave(Behaviour.REFUSE)
    until(lambda: agent.provider == "second", "the failover")
    epoch = agent.get("/v1/active-provider")["epoch"]
    for pause in (0.0, 0.3, 0.9):
        time.sleep(pause)
        agent.signal(signal.SIGKILL)
        agent.wait()
        agent.start()
        until(agent.answers, "an answer of the API")
        flag = agent.get("/v1/active-provider")
        assert (flag["provider"], flag["epoch"]) == ("second", epoch)
    assert agent.moves() == 1
    assert {each["data"]["severity"] for each in agent.said("agent.started")} == {"info"}
    providers[0].behave(Behaviour.HEALTHY)
    until(lambda: agent.provider == "first", "the way back")
