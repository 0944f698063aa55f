"""The Django backend and the Flask application, with a running mailover."""

import sys
from collections.abc import Iterator, Mapping
from email.message import EmailMessage

import pytest
from client_house import CLIENTS, Inbox, Running, accounts_at
from mailover_client import AmbiguousError, Mailover, NotSentError
from running.agents import free_port, until

from mailover.demo.behaviour import Behaviour
from mailover.demo.provider import Provider

sys.path[:0] = [str(CLIENTS / "django"), str(CLIENTS / "flask")]

import mailover_backend  # noqa: E402 - lies beside the page that shows it
from django.conf import settings  # noqa: E402
from django.core import mail as django_mail  # noqa: E402
from shop import create_app  # noqa: E402


@pytest.fixture
def django(providers: Mapping[str, Provider]) -> Iterator[None]:
    """A project whose settings are those of the backend's page; where mailover is, each test says."""
    if not settings.configured:
        settings.configure(EMAIL_BACKEND="mailover_backend.EmailBackend", USE_I18N=False)
    yield
    if mailover_backend._mailover.cache_info().currsize:
        mailover_backend._mailover().close()
        mailover_backend._mailover.cache_clear()


def configure(url: str, providers: Mapping[str, Provider]) -> None:
    accounts = {
        name: {field: getattr(each, field) for field in ("host", "port", "username", "password", "context")}
        for name, each in accounts_at(providers).items()
    }
    settings.MAILOVER = {"url": url, "accounts": accounts, "patience": 3, "first_wait": 10}


@pytest.mark.usefixtures("django")
def test_django_s_next_mail_takes_a_fallback_and_the_report_moves_the_flag(
    mailover: Running, providers: Mapping[str, Provider], inbox: Inbox
) -> None:
    configure(mailover.url, providers)
    providers["first"].behave(Behaviour.REFUSE)
    message = django_mail.EmailMultiAlternatives(
        "Ihre Bestellung", "Danke für alles.\n.\n", "Der Laden <shop@example.com>", ["Käufer <customer@example.com>"]
    )
    message.attach_alternative("<p>Danke für alles.</p>", "text/html")
    message.bcc = ["archive@example.com"]
    assert message.send() == 1
    (arrived,) = inbox.mail
    assert (arrived.provider, arrived.sender) == ("second", "shop@example.com")
    assert arrived.recipients == ("customer@example.com", "archive@example.com")
    until(lambda: mailover.flag.provider == "second", "the new flag")


@pytest.mark.usefixtures("django")
def test_django_counts_what_was_sent_and_can_fail_silently(providers: Mapping[str, Provider], inbox: Inbox) -> None:
    configure(f"http://127.0.0.1:{free_port()}", providers)
    nobody = django_mail.EmailMessage("Hello", "Hello", "shop@example.com", [])
    somebody = django_mail.EmailMessage("Hello", "Hello", "shop@example.com", ["customer@example.com"])
    assert django_mail.get_connection().send_messages([nobody, somebody]) == 1
    for each in providers.values():
        each.behave(Behaviour.SUSPENDED)
    with pytest.raises(NotSentError, match="no provider took it"):
        somebody.send()
    assert django_mail.send_mail("Hi", "Hi", "shop@example.com", ["customer@example.com"], fail_silently=True) == 0
    assert inbox.ways == ["first"]


@pytest.mark.parametrize(
    ("written", "bare"),
    [
        ("Der Laden <shop@example.com>", "shop@example.com"),
        ("wir@bücher.example", "wir@xn--bcher-kva.example"),
        ("root", "root"),
    ],
)
def test_django_s_envelope_has_bare_addresses(written: str, bare: str) -> None:
    assert mailover_backend._bare(written) == bare


def test_flask_s_next_mail_takes_a_fallback_and_the_report_moves_the_flag(
    mailover: Running, providers: Mapping[str, Provider], inbox: Inbox
) -> None:
    with Mailover(mailover.url, accounts_at(providers), patience=3, first_wait=10) as mail:
        visitor = create_app(mail).test_client()
        providers["first"].behave(Behaviour.BUSY)
        answer = visitor.post("/orders", json={"email": "customer@example.com"})
        assert (answer.status_code, answer.json) == (201, {"confirmed": "now", "provider": "second"})
        until(lambda: mailover.flag.provider == "second", "the new flag")
        for each in providers.values():
            each.behave(Behaviour.SUSPENDED)
        answer = visitor.post("/orders", json={"email": "customer@example.com"})
        assert (answer.status_code, answer.json) == (202, {"confirmed": "later"})
    assert inbox.ways == ["second"]


def test_flask_does_not_send_again_what_may_have_been_sent() -> None:
    class Perhaps(Mailover):
        def send_message(self, message: EmailMessage, *_: object) -> None:
            raise AmbiguousError("it may have been sent")

    with Perhaps("http://127.0.0.1:1", accounts_at({"first": Provider()})) as mail:
        answer = create_app(mail).test_client().post("/orders", json={"email": "customer@example.com"})
    assert (answer.status_code, answer.json) == (202, {"confirmed": "perhaps"})


def test_flask_s_own_accounts_are_those_of_its_page() -> None:
    mail: Mailover = create_app().extensions["mail"]
    assert mail._path.endswith("/transactional")
    assert list(mail._accounts) == ["postmark", "ses"]
