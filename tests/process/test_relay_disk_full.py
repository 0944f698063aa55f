"""A disk that fills up under the relay: what cannot be kept is refused for now, what was kept is delivered."""

import resource
import smtplib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from running.agents import RunningAgent, free_port, until

from mailover.demo.behaviour import Behaviour, Delivered
from mailover.demo.provider import Provider

BODY = b"x" * 70 + b"\r\n"


@pytest.fixture
def arrived() -> list[Delivered]:
    return []


@pytest.fixture
def provider(arrived: list[Delivered]) -> Iterator[Provider]:
    with Provider("only", sink=arrived.append) as one:
        yield one


def document(provider: Provider, ca_file: str, port: int) -> Mapping[str, object]:
    account = {
        "host": provider.host,
        "port": provider.port,
        "ca_file": ca_file,
        "username": provider.username,
        "password": provider.password,
    }
    return {
        "providers": {"only": account},
        "streams": {"mail": {"providers": ["only"]}},
        "relay": {"listen": f"127.0.0.1:{port}"},
    }


def answer(port: int, number: int, size: int) -> int:
    """The code that the relay answers a message with."""
    content = b"Message-ID: <%d@app.test>\r\n\r\n" % number + BODY * (size // len(BODY))
    with smtplib.SMTP("127.0.0.1", port, local_hostname="app.test", timeout=30) as client:
        try:
            client.sendmail("app@example.com", ["to@example.org"], content)
        except smtplib.SMTPDataError as error:
            return error.smtp_code
    return 250


@pytest.mark.timeout(120)
def test_what_does_not_fit_is_refused_for_now_and_nothing_accepted_is_lost(
    tmp_path: Path, provider: Provider, arrived: list[Delivered], ca_file: str
) -> None:
    port = free_port()
    with RunningAgent(tmp_path, document(provider, ca_file, port)) as agent:
        accepted = sum(answer(port, number, 1000) == 250 for number in range(5))
        until(lambda: len(arrived) == accepted == 5, "the first ones")
        full = (4096, resource.RLIM_INFINITY)
        resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, full)
        codes = {answer(port, 100 + number, 40_000) for number in range(4)}
        assert codes <= {451, 452}
        assert agent.answers()
        resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        until(lambda: answer(port, 500, 1000) == 250, "room again")
        until(lambda: len(arrived) >= accepted + 1, "all that was accepted")
        assert agent.process.poll() is None


@pytest.mark.timeout(120)
def test_what_was_sent_while_nothing_could_be_written_is_not_sent_again(
    tmp_path: Path, provider: Provider, arrived: list[Delivered], ca_file: str
) -> None:
    port = free_port()
    with RunningAgent(tmp_path, document(provider, ca_file, port)) as agent:
        assert answer(port, 1, 1000) == 250
        until(lambda: len(arrived) == 1, "the first one")
        provider.behave(Behaviour.SLOW, seconds=2.0)
        assert answer(port, 2, 1000) == 250
        resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        until(lambda: len(arrived) == 2, "the second one")
        time.sleep(2)
        resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        provider.behave(Behaviour.HEALTHY)
        until(lambda: answer(port, 3, 1000) == 250, "room again")
        until(lambda: len(arrived) == 3, "the third one")
        time.sleep(1)
        assert len(arrived) == 3
