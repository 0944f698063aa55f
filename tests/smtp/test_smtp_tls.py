"""Certificates and versions: every refusal has its own words, and no credential is ever sent over a doubtful line."""

import datetime as dt
import ssl
import warnings

import pytest
import trustme
from hostile.servers import HostileServer, smtp
from hostile.talking import CREDENTIALS, Heard, context_of, talk

from mailover.core.observations import FailureKind, Stage
from mailover.core.providers import Tls

NOW = dt.datetime.now(tz=dt.UTC)
DAY = dt.timedelta(days=1)


def met_with(context: ssl.SSLContext, trusted: str | None, host: str = "localhost") -> tuple[Heard, list[str]]:
    """A login at a server with this context, and every line that it was sent."""
    with HostileServer(smtp(context=context)) as server:
        heard = talk(
            server.port,
            host=host,
            tls=Tls.STARTTLS,
            ca_file=trusted,
            until=Stage.AUTH,
            deadline=5,
            credentials=CREDENTIALS,
            allow_plaintext=False,
        )
        return heard, [line for peer in server.peers for line in peer.lines]


@pytest.mark.parametrize(
    ("names", "dates", "host", "words", "by_date"),
    [
        (["localhost"], {"not_after": NOW - DAY, "not_before": NOW - 9 * DAY}, "localhost", "has expired", True),
        (["localhost"], {"not_before": NOW + DAY}, "localhost", "not yet valid", True),
        (["other.example"], {}, "localhost", "for another name", False),
        (["localhost"], {}, "127.0.0.1", "for another address", False),
        (["*.example.com"], {}, "a.b.example.com", "for another name", False),
    ],
    ids=["expired", "not yet valid", "wrong name", "wrong address", "wildcard two levels deep"],
)
def test_a_certificate_that_cannot_be_trusted_has_its_own_reason(
    *,
    ca: trustme.CA,
    trusted: str,
    names: list[str],
    dates: dict[str, dt.datetime],
    host: str,
    words: str,
    by_date: bool,
) -> None:
    heard, lines = met_with(context_of(ca.issue_cert(*names, **dates)), trusted, host)
    failure = heard.transcript.failure
    assert failure is not None
    assert (failure.kind, failure.stage, failure.by_date) == (FailureKind.TLS, Stage.STARTTLS, by_date)
    assert words in failure.text
    assert failure.replied
    assert not any(line.startswith("AUTH") for line in lines)


def test_an_unknown_authority_is_not_trusted(trusted: str) -> None:
    heard, _ = met_with(context_of(trustme.CA().issue_cert("localhost")), trusted)
    assert heard.transcript.failure is not None
    assert "issuer is not known" in heard.transcript.failure.text


def test_a_self_signed_certificate_is_not_trusted(trusted: str) -> None:
    own = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with own.private_key_pem.tempfile() as key, own.cert_pem.tempfile() as certificate:
        context.load_cert_chain(certificate, key)
    heard, _ = met_with(context, trusted)
    assert heard.transcript.failure is not None
    assert "self-signed" in heard.transcript.failure.text


def test_the_system_s_authorities_are_trusted_when_no_file_is_named(server_context: ssl.SSLContext) -> None:
    heard, _ = met_with(server_context, None)
    assert heard.transcript.failure is not None
    assert heard.transcript.failure.kind is FailureKind.TLS


def test_a_missing_ca_file_is_our_own_fault(server_context: ssl.SSLContext) -> None:
    heard, _ = met_with(server_context, "/nonexistent/ca.pem")
    assert heard.transcript.failure is not None
    assert heard.transcript.failure.kind is FailureKind.LOCAL


def test_tls_older_than_1_2_is_refused(ca: trustme.CA, trusted: str) -> None:
    context = context_of(ca.issue_cert("localhost"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    heard, _ = met_with(context, trusted)
    assert heard.transcript.failure is not None
    assert heard.transcript.failure.kind is FailureKind.TLS
    assert "too old" in heard.transcript.failure.text


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_good_handshake_leaves_its_facts(
    ca: trustme.CA, trusted: str, version: ssl.TLSVersion, implicit: bool
) -> None:
    context = context_of(ca.issue_cert("localhost", not_after=dt.datetime(2031, 2, 3, 4, 5, 6, tzinfo=dt.UTC)))
    context.minimum_version = context.maximum_version = version
    with HostileServer(smtp(context=context, implicit=implicit)) as server:
        mode = Tls.IMPLICIT if implicit else Tls.STARTTLS
        transcript = talk(server.port, tls=mode, ca_file=trusted, deadline=5).transcript
    assert transcript.failure is None
    assert transcript.reached is Stage.STARTTLS
    assert transcript.facts["certificate_not_after"] == "2031-02-03T04:05:06Z"
    assert transcript.facts["tls_version"] == version.name.replace("_", ".")
    assert transcript.facts["address"] == "127.0.0.1"


def test_the_name_is_verified_and_sent_though_an_address_is_dialled(ca: trustme.CA, trusted: str) -> None:
    asked: list[str | None] = []
    context = context_of(ca.issue_cert("mail.example.com"))
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    heard, _ = met_with(context, trusted, "mail.example.com")
    assert heard.transcript.ok
    assert asked == ["mail.example.com"]


def test_a_banner_in_the_clear_on_an_implicit_port_is_not_tls() -> None:
    with HostileServer(smtp()) as server:
        failure = talk(server.port, tls=Tls.IMPLICIT, deadline=5).transcript.failure
    assert failure is not None
    assert (failure.kind, failure.stage) == (FailureKind.TLS, Stage.STARTTLS)
    assert "did not answer in TLS" in failure.text


def test_credentials_are_not_sent_in_the_clear_unless_that_is_allowed() -> None:
    with HostileServer(smtp()) as server:
        arguments = {"until": Stage.AUTH, "credentials": CREDENTIALS, "deadline": 5}
        refused = talk(server.port, allow_plaintext=False, **arguments).transcript.failure
        assert talk(server.port, allow_plaintext=True, **arguments).transcript.ok
        assert not any(line.startswith("AUTH") for line in server.peers[0].lines)
    assert refused is not None
    assert (refused.kind, refused.stage) == (FailureKind.TLS, Stage.AUTH)


def test_what_was_offered_before_tls_is_forgotten(server_context: ssl.SSLContext, trusted: str) -> None:
    with HostileServer(smtp(context=server_context, offers=["SIZE 5000"])) as server:
        transcript = talk(server.port, tls=Tls.STARTTLS, ca_file=trusted, deadline=5).transcript
    assert transcript.capabilities is not None
    assert transcript.capabilities.keywords == {"SIZE"}
    assert [stage for stage, _ in transcript.stages].count(Stage.EHLO) == 1


def test_a_host_that_is_no_name_for_tls_is_told_so(server_context: ssl.SSLContext, trusted: str) -> None:
    heard, _ = met_with(server_context, trusted, "a..example")
    assert heard.transcript.failure is not None
    assert "no name for TLS" in heard.transcript.failure.text
