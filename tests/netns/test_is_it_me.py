"""Our own network fails, for real: the flag stays, one alert is given, and the agent sees again by itself."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from running.agents import RunningAgent, Watching, until
from running.networks import GATEWAY, Network, join

Fault = Callable[[Network, Network], AbstractContextManager[None]]


@contextmanager
def no_route(machine: Network, _: Network) -> Iterator[None]:
    machine.run("ip", "route", "delete", "default", "via", GATEWAY)
    yield
    join(machine)


@contextmanager
def cable_pulled(machine: Network, _: Network) -> Iterator[None]:
    machine.run("ip", "link", "set", "cable", "down")
    yield
    join(machine)


@contextmanager
def packets_dropped(_: Network, world: Network) -> Iterator[None]:
    with world.dropping("ip protocol tcp"):
        yield


@contextmanager
def answers_dropped(machine: Network, _: Network) -> Iterator[None]:
    with machine.dropping('iifname "cable"'):
        yield


@contextmanager
def submission_ports_dropped(_: Network, world: Network) -> Iterator[None]:
    with world.dropping("tcp dport { 25, 587 }"):
        yield


def stays_blind_once_and_sees_again(agent: RunningAgent, fault: AbstractContextManager[None]) -> str:
    """What is the same for every fault of ours; the alert's sentence."""
    with fault:
        until(lambda: agent.said("agent.blind") != [], "blindness")
        assert (agent.provider, agent.mode) == ("first", "blind")
    until(lambda: agent.said("agent.sighted") != [], "sight")
    until(lambda: agent.mode == "normal", "the normal mode")
    assert agent.provider == "first"
    assert agent.moves() == 0
    assert agent.said("provider.opened") == []
    (alert,) = agent.said("agent.blind")
    assert len(agent.said("agent.sighted")) == 1
    assert len(agent.said("agent.started")) == 1
    return str(alert["data"]["because"])


@pytest.mark.parametrize("fault", [no_route, cable_pulled, packets_dropped, answers_dropped])
def test_a_network_of_ours_that_is_gone_moves_nothing(
    fault: Fault, watching: Watching, machine: Network, world: Network
) -> None:
    because = stays_blind_once_and_sees_again(watching(), fault(machine, world))
    assert because.endswith("no provider and no reference: our own network is the suspect")


def test_closed_submission_ports_are_ours_though_the_reference_answers(
    watching: Watching, machine: Network, world: Network
) -> None:
    because = stays_blind_once_and_sees_again(watching(), submission_ports_dropped(machine, world))
    assert because == (
        "no connection to first, second and third while a reference on another port answers: "
        "our way out to port 587 is closed, or all of them are gone at once"
    )


def test_a_provider_that_alone_drops_our_packets_is_left_all_the_same(
    watching: Watching, world: Network, providers: list[object]
) -> None:
    agent = watching()
    with world.dropping("ip daddr 10.98.0.11"):
        until(lambda: agent.provider == "second", "the failover")
    until(lambda: agent.provider == "first", "the way back")
    assert agent.said("agent.blind") == []


def test_an_agent_that_starts_without_a_network_waits_for_it(
    watching: Watching, machine: Network, world: Network
) -> None:
    with no_route(machine, world):
        agent = watching(healthy=False)
        until(lambda: agent.mode == "blind", "blindness")
    until(lambda: agent.mode == "normal", "sight")
    assert (agent.provider, agent.moves(), len(agent.said("agent.blind"))) == ("first", 0, 1)


def test_a_fifth_of_all_packets_lost_moves_nothing(watching: Watching, world: Network) -> None:
    patient = {"port_interval": "500ms", "login_interval": "1s", "retry_interval": "500ms", "deadline": "8s"}
    agent = watching(probes=patient)
    with world.dropping("numgen random mod 5 0"):
        seen = len(agent.get("/v1/observations", limit="500")["items"])
        until(lambda: len(agent.get("/v1/observations", limit="500")["items"]) > seen + 40, "forty more looks")
    assert (agent.provider, agent.moves(), agent.said("agent.blind")) == ("first", 0, [])
