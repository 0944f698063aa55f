"""One mailover, one n8n and their outside world for all tests of this folder: starting them takes half a minute."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack

import pytest
from fake_internet import FakeInternet
from n8n_world import NAMES, HouseAgent, World, credentials, document
from running_n8n import RunningN8n, what_is_lacking
from what_happened import Witness

from mailover.demo.authority import Authority
from mailover.demo.behaviour import Behaviour, Delivered
from mailover.demo.provider import Provider

WITNESS = pytest.StashKey[Witness]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed tells what the two sides saw."""
    report = yield
    witness = item.stash.get(WITNESS, None)
    if report.failed and witness is not None:
        report.sections.append(("What happened meanwhile", witness.story()))
    return report


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, authority: Authority, ca_file: str) -> Iterator[World]:
    lacking = what_is_lacking()
    if lacking:
        pytest.fail(lacking, pytrace=False)
    post: list[Delivered] = []
    with ExitStack() as stack:
        internet = stack.enter_context(FakeInternet(authority).serving())
        providers = {name: stack.enter_context(Provider(name, sink=post.append)) for name in NAMES}
        agent = stack.enter_context(HouseAgent(tmp_path_factory.mktemp("mailover"), document(providers, ca_file)))
        outside = {"HTTPS_PROXY": internet.url, "NO_PROXY": "127.0.0.1,localhost", "NODE_EXTRA_CA_CERTS": ca_file}
        n8n = stack.enter_context(RunningN8n(tmp_path_factory.mktemp("n8n"), outside))
        n8n.become_owner()
        whole = World(n8n=n8n, agent=agent, internet=internet, providers=providers, post=post)
        whole.credentials.update(credentials(whole))
        yield whole


@pytest.fixture
def mended(world: World, request: pytest.FixtureRequest) -> Iterator[World]:
    """The world as it should be, before and after."""
    request.node.stash[WITNESS] = Witness(world)
    world.mend()
    world.internet.forget()
    world.post.clear()
    yield world
    for name in world.providers:
        world.providers[name].behave(Behaviour.HEALTHY)
