import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import pytest

from mailover.demo.application import Application
from mailover.demo.authority import shared_authority
from mailover.demo.behaviour import Behaviour, Delivered
from mailover.demo.play import tell_tally
from mailover.demo.provider import Provider
from mailover.demo.scene import Scene

NOBODY = "http://127.0.0.1:1"


def within_reason(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def post() -> list[Delivered]:
    return []


@pytest.fixture
def providers(post: list[Delivered]) -> Iterator[Mapping[str, Provider]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Provider(name, sink=post.append)) for name in ("first", "second")}


@contextmanager
def sending(url: str, providers: Mapping[str, Provider]) -> Iterator[Application]:
    application = Application(url, providers, shared_authority().client_context(), every=0.02)
    application.start()
    try:
        yield application
    finally:
        application.stop()


def test_without_an_answer_it_keeps_to_the_order_it_knows(
    providers: Mapping[str, Provider], post: list[Delivered]
) -> None:
    with sending(NOBODY, providers) as application:
        within_reason(lambda: application.tally.total >= 3)
    assert set(application.tally.sent) == {"first"}
    assert len(post) == application.tally.total


def test_a_fallback_takes_what_the_first_refuses(providers: Mapping[str, Provider], post: list[Delivered]) -> None:
    providers["first"].behave(Behaviour.THROTTLE)
    with sending(NOBODY, providers) as application:
        within_reason(lambda: application.tally.detours >= 2)
    assert {message.provider for message in post} == {"second"}
    assert application.tally.stuck == 0


def test_what_nobody_takes_is_counted(providers: Mapping[str, Provider]) -> None:
    for provider in providers.values():
        provider.behave(Behaviour.REFUSE)
    with sending(NOBODY, providers) as application:
        within_reason(lambda: application.tally.stuck >= 2)
    assert application.tally.total == 0
    told = f"the application sent 0 messages (none), 0 arrived; {application.tally.stuck} taken by nobody"
    assert tell_tally(application.tally, 0) == told


def test_it_goes_where_the_flag_points(scene: Scene) -> None:
    with sending(scene.url, dict(reversed(scene.providers.items()))) as application:
        within_reason(lambda: application.tally.total >= 3)
    assert set(application.tally.sent) == {"postmark"}
