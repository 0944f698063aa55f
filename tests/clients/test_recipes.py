"""Every recipe in its own language, with a running mailover and with providers that fail: the same stories for all."""

import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from applications import NEEDS, Application, lay_out
from client_house import Inbox, Running
from hostile.servers import HostileServer, Peer, Twist, smtp, then_close
from running.agents import free_port, until
from wrong_mailovers import FLAG, WRONG, answering, http, request

from mailover.demo.authority import Authority
from mailover.demo.behaviour import Behaviour
from mailover.demo.provider import Provider

Starting = Callable[..., Application]
SOME_WRONG = ("silent", "drips headers", "floods a body", "garbage", "redirect", "401", "sending is 'no'")


@pytest.fixture(
    scope="session",
    params=[pytest.param(recipe, marks=[pytest.mark.peer(need) for need in needs]) for recipe, needs in NEEDS.items()],
)
def recipe(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A recipe's name, and where it lies with an application that uses it."""
    name = str(request.param)
    return name, lay_out(name, tmp_path_factory.mktemp("recipes") / name)


@pytest.fixture
def starting(recipe: tuple[str, Path], tmp_path: Path, ca_file: str) -> Iterator[Starting]:
    """Start the application, with accounts at these ports."""
    with ExitStack() as stack:

        def start(
            url: str, ports: Mapping[str, int], password: str = "x", passwords: Mapping[str, str] = {}
        ) -> Application:
            room = tmp_path / "application"
            shutil.copytree(recipe[1], room, symlinks=True)
            accounts = {
                name: {
                    "host": "127.0.0.1",
                    "port": port,
                    "username": "app",
                    "password": (passwords or {}).get(name, "x"),
                }
                for name, port in ports.items()
            }
            return stack.enter_context(Application(recipe[0], room, url, accounts, ca_file))

        yield start


@pytest.fixture
def at_providers(starting: Starting, providers: Mapping[str, Provider]) -> Callable[[str], Application]:
    def start(url: str) -> Application:
        ports = {name: each.port for name, each in providers.items()}
        return starting(url, ports, passwords={name: each.password for name, each in providers.items()})

    return start


@pytest.mark.parametrize(
    "behaviour", [Behaviour.REFUSE, Behaviour.SILENT, Behaviour.BUSY, Behaviour.AUTH, Behaviour.SUSPENDED]
)
def test_the_next_mail_takes_a_fallback_and_the_report_moves_the_flag(
    at_providers: Callable[[str], Application],
    mailover: Running,
    providers: Mapping[str, Provider],
    inbox: Inbox,
    behaviour: Behaviour,
) -> None:
    providers["first"].behave(behaviour)
    assert at_providers(mailover.url).send() == {"sent": True}
    assert inbox.ways == ["second"]
    assert b"\r\n.\r\nA dot began this line." in inbox.mail[0].content
    until(lambda: mailover.flag.provider == "second", "the new flag")


def test_a_bad_address_is_tried_nowhere_else(
    at_providers: Callable[[str], Application], mailover: Running, providers: Mapping[str, Provider], inbox: Inbox
) -> None:
    providers["first"].behave(Behaviour.RECIPIENT, share=1)
    said = at_providers(mailover.url).send()
    assert said["error"].startswith("NotSent")
    assert "5.1.1" in said["text"]
    assert inbox.mail == []


def test_the_last_good_answer_outlives_mailover(
    at_providers: Callable[[str], Application],
    housing: Callable[..., Running],
    providers: Mapping[str, Provider],
    inbox: Inbox,
) -> None:
    running = housing(streams={"transactional": {"providers": ["third", "second", "first"]}})
    application = at_providers(running.url)
    assert application.send() == {"sent": True}
    running.house.stop()
    assert application.send() == {"sent": True}
    providers["third"].behave(Behaviour.REFUSE)
    assert application.send() == {"sent": True}
    assert inbox.ways == ["third", "third", "second"]


@pytest.mark.parametrize("wrong", [None, *SOME_WRONG])
def test_without_a_good_answer_the_accounts_own_order_holds(
    at_providers: Callable[[str], Application], inbox: Inbox, wrong: str | None
) -> None:
    if wrong is None:
        assert at_providers(f"http://127.0.0.1:{free_port()}").send() == {"sent": True}
    else:
        with HostileServer(WRONG[wrong]) as server:
            assert at_providers(f"http://127.0.0.1:{server.port}").send() == {"sent": True}
    assert inbox.ways == ["first"]


@pytest.mark.parametrize("headers", ["", "Mailover-Stale: 90\r\n"])
def test_a_hold_binds_only_while_mailover_stands_by_it(
    at_providers: Callable[[str], Application], inbox: Inbox, headers: str
) -> None:
    held = {**FLAG, "provider": None, "fallbacks": [], "weights": {}, "sending": False}
    with HostileServer(answering(http(held, headers=headers))) as server:
        said = at_providers(f"http://127.0.0.1:{server.port}").send()
    if headers:
        assert (said, inbox.ways) == ({"sent": True}, ["first"])
    else:
        assert (said["error"][:4], inbox.ways) == ("Held", [])
        assert "first is out" in said["text"]


def test_a_flag_that_names_none_of_the_accounts_is_no_order(
    at_providers: Callable[[str], Application], inbox: Inbox
) -> None:
    foreign = {**FLAG, "provider": "theirs", "fallbacks": ["other"], "weights": {"theirs": 1.0}}
    with HostileServer(answering(http(foreign))) as server:
        assert at_providers(f"http://127.0.0.1:{server.port}").send() == {"sent": True}
    assert inbox.ways == ["first"]


def test_weights_share_the_mail_out(at_providers: Callable[[str], Application], inbox: Inbox) -> None:
    balance = {**FLAG, "provider": "first", "fallbacks": ["third", "second"], "weights": {"first": 0.5, "second": 0.5}}
    with HostileServer(answering(http(balance))) as server:
        application = at_providers(f"http://127.0.0.1:{server.port}")
        while set(inbox.ways) != {"first", "second"}:
            assert application.send() == {"sent": True}
            assert len(inbox.mail) < 40
    assert "third" not in inbox.ways


ENDLESS: dict[str, Twist] = {
    "drips": lambda peer: peer.drip(b"250-x\r\n"),
    "floods": lambda peer: peer.flood(b"250-hello\r\n" * 100),
}


@pytest.mark.parametrize("recipe", [pytest.param("go", marks=pytest.mark.peer("go"))], indirect=True)
@pytest.mark.parametrize("twist", ENDLESS.values(), ids=ENDLESS)
def test_a_provider_that_talks_without_end_is_left_for_the_next_one(
    starting: Starting, authority: Authority, twist: Twist
) -> None:
    context = authority.server_context("127.0.0.1")
    with (
        HostileServer(smtp({"ehlo": twist}, context=context)) as bad,
        HostileServer(smtp(context=context)) as good,
    ):
        ports = {"first": bad.port, "second": good.port}
        assert starting(f"http://127.0.0.1:{free_port()}", ports).send() == {"sent": True}
        assert len(good.peers) == 1


AFTER_THE_DOT = {"silent": (Peer.mute, True), "closes": (Peer.reset, True), "451": (then_close("451 4.3.0 no"), False)}


@pytest.mark.parametrize(("twist", "ambiguous"), AFTER_THE_DOT.values(), ids=AFTER_THE_DOT)
def test_only_silence_after_the_final_dot_keeps_a_message_from_the_next_provider(
    starting: Starting, authority: Authority, twist: Twist, ambiguous: bool
) -> None:
    context = authority.server_context("127.0.0.1")
    with (
        HostileServer(smtp({"dot": twist}, context=context)) as bad,
        HostileServer(smtp(context=context)) as good,
    ):
        said = starting(f"http://127.0.0.1:{free_port()}", {"first": bad.port, "second": good.port}).send()
        if ambiguous:
            assert said["error"].startswith("Ambiguous")
            assert good.peers == []
        else:
            assert said == {"sent": True}
            assert len(good.peers) == 1


def test_a_login_that_nobody_answers_tells_nobody_the_password(starting: Starting, authority: Authority) -> None:
    password = "correct horse"
    secrets = [password.encode(), b"\0app\0" + password.encode()]
    with HostileServer(smtp({"auth": Peer.mute}, context=authority.server_context("127.0.0.1"))) as mute:
        ports = {"first": mute.port}
        said = starting(f"http://127.0.0.1:{free_port()}", ports, passwords={"first": password}).send()
    assert said["error"].startswith("NotSent")
    assert not [secret for secret in secrets if b64encode(secret).decode() in said["text"]]
    assert password not in said["text"]


REPEATING = ("nodemailer", "go")


@pytest.mark.parametrize(
    "recipe",
    [pytest.param(name, marks=[pytest.mark.peer(need) for need in NEEDS[name]]) for name in REPEATING],
    indirect=True,
)
def test_a_report_that_is_told_again_counts_once(starting: Starting) -> None:
    keys: list[str] = []

    def script(peer: Peer) -> None:
        if not request(peer).startswith("POST"):
            peer.mute()
            return
        keys.extend(line for line in peer.lines if line.lower().startswith("idempotency-key: "))
        peer.reset()

    with HostileServer(script) as mailover:
        application = starting(f"http://127.0.0.1:{mailover.port}", {"first": free_port()})
        assert application.send()["error"].startswith("NotSent")
        until(lambda: len(keys) > 1, "the second attempt")
    assert len(set(keys)) == 1


MEMORIES = {"php": "mailover.json", "laravel": "mailover.json", "shell": "last-good-answer.json"}


@pytest.mark.parametrize(
    "recipe",
    [pytest.param(name, marks=[pytest.mark.peer(need) for need in NEEDS[name]]) for name in MEMORIES],
    indirect=True,
)
def test_a_damaged_memory_is_as_good_as_none(
    recipe: tuple[str, Path], at_providers: Callable[[str], Application], inbox: Inbox
) -> None:
    application = at_providers(f"http://127.0.0.1:{free_port()}")
    for damaged in ("", "{", "[]", '"flag"', '{"flag": {"sending": 5}, "asked_at": []}'):
        (application.room / MEMORIES[recipe[0]]).write_text(damaged)
        assert application.send() == {"sent": True}
    assert set(inbox.ways) == {"first"}
