"""The demo's scene: three fake providers, the agent with its API and database, an application; all on loopback.

Set up whole or not at all, and taken down without a trace. What is played on it is `play`'s and `keyboard`'s business.
"""

import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from mailover import bootstrap
from mailover.config import build
from mailover.config import policy as policy_of
from mailover.core.policy import Policy
from mailover.demo.application import Application
from mailover.demo.authority import shared_authority
from mailover.demo.diary import Diary
from mailover.demo.post import Post
from mailover.demo.provider import Provider
from mailover.demo.simple import SimpleApplication
from mailover.errors import ConfigError
from mailover.service import Service

NAMES = ("postmark", "sendgrid", "ses")
STREAM = "transactional"
USUAL_PORT = 8587

_HOST = "127.0.0.1"
_PROBE_ADDRESS = "probe@example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is to be seen and touched."""

    providers: Mapping[str, Provider]
    service: Service
    application: Application
    simple: SimpleApplication
    """The one that knows the relay and nothing else."""
    post: Post
    url: str
    moved: bool
    """Whether the usual port was taken, so that the API listens on another."""


@contextmanager
def set_up(diary: Diary) -> Iterator[Scene]:
    """The scene, running; everything is gone when the block is left."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailover-demo-")))
        sink_port = free_port()
        post = Post(probe_address=_PROBE_ADDRESS, host=_HOST, port=sink_port)
        providers = {name: stack.enter_context(Provider(name, sink=post)) for name in NAMES}
        house = assemble(document(directory, providers, sink_port=sink_port))
        house.service.listen(diary.hear)
        stack.callback(house.stop)
        house.start()
        application = Application(house.api.url, providers, shared_authority().client_context())
        stack.callback(application.stop)
        application.start()
        simple = SimpleApplication(_HOST, house.relay.ports[0] if house.relay is not None else 0)
        stack.callback(simple.stop)
        simple.start()
        yield Scene(
            providers=providers,
            service=house.service,
            application=application,
            simple=simple,
            post=post,
            url=house.api.url,
            moved=urlsplit(house.api.url).port != USUAL_PORT,
        )


def assemble(said: Mapping[str, Mapping[str, object]]) -> bootstrap.House:
    """The house, listening on the usual port if that can be had, else on a free one."""
    usual, other = (build({**said, "server": {"listen": f"{_HOST}:{port}"}}, {}) for port in (USUAL_PORT, 0))
    try:
        house = bootstrap.assemble(usual)
    except ConfigError:
        house = bootstrap.assemble(other)
    house.service.reload(impatient(policy_of(usual)), usual.default_stream)
    return house


def document(directory: Path, providers: Mapping[str, Provider], *, sink_port: int) -> dict[str, dict[str, object]]:
    """What a config file would say, but for the address of the API: the defaults, only in a hurry."""
    ca_file = shared_authority().write(directory / "ca.pem")
    return {
        "storage": {"url": f"sqlite:///{directory / 'mailover.db'}"},
        "providers": {name: _account(provider, ca_file) for name, provider in providers.items()},
        "streams": {STREAM: {"providers": list(providers), "default": True}},
        "probes": {
            "port_interval": "1s",
            "login_interval": "2s",
            "round_trip_interval": "5s",
            "deadline": "2s",
            "retry_interval": "300ms",
            "auth_pause": "500ms",
            "slow": "1s",
        },
        "breaker": {
            "open_for": "2s",
            "open_for_max": "8s",
            "auth_open_for": "3s",
            "failback_after": "10s",
            "failback_max": "40s",
        },
        "relay": {"listen": f"{_HOST}:0"},
        "round_trip": {
            "to": _PROBE_ADDRESS,
            "deadline": "5s",
            "mailbox": "smtp",
            "smtp": {"listen": f"{_HOST}:{sink_port}"},
        },
    }


def _account(provider: Provider, ca_file: str) -> dict[str, object]:
    return {
        "host": provider.host,
        "port": provider.port,
        "tls": str(provider.tls),
        "ca_file": ca_file,
        "username": provider.username,
        "password": provider.password,
        "from": "noreply@example.com",
    }


def impatient(policy: Policy) -> Policy:
    """The same policy with the waits that no config sets cut down, so that nobody waits 15 minutes for a trial."""
    seconds = timedelta(seconds=1)
    breaker = replace(
        policy.breaker, auth_open_for_max=6 * seconds, suspended_open_for=5 * seconds, lost_open_for=5 * seconds
    )
    return replace(policy, breaker=breaker)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
