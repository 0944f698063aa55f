"""A record at a real BIND names the active provider: compared, set, refused, and left alone."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update
import pytest
from followed_house import until
from real_daemon import Daemon, free_port

from mailover.clock import SystemClock
from mailover.config.adapters import DnsUpdateSettings
from mailover.core.fleet import account
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.service import Service, Snapshot, publish
from mailover.storage.sql import open_store
from webhooks.adapters.dns_update import DnsUpdate
from webhooks.adapters.upkeep import Upkeep, UpkeepError

pytestmark = pytest.mark.peer("bind")

KEY = "c2VjcmV0LWV4YW1wbGUtb25seS1tYWtlLXlvdXItb3du"
WRONG = "YW5vdGhlci1zZWNyZXQtZXhhbXBsZS1vbmx5LTEyMzQ1"
NAME = "smtp.relay.test"
CONFIG = """
options {{
    directory "{root}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    pid-file none; session-keyfile none; notify no; recursion no;
}};
controls {{ }};
key "mailover-key" {{ algorithm hmac-sha256; secret "{key}"; }};
zone "relay.test" {{
    type primary; file "relay.test.zone";
    update-policy {{ grant mailover-key name smtp.relay.test. CNAME SRV TXT; }};
}};
"""
ZONE = "$ORIGIN relay.test.\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"
POLICY = Policy(
    providers={name: Provider(name=name, host=f"smtp.{name}.example", port=587) for name in ("postmark", "ses")},
    streams={"mail": Stream(name="mail", providers=("postmark", "ses"))},
)


class Primary(Daemon):
    """A primary server whose zone may be changed by a key."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.port = free_port()
        root.joinpath("relay.test.zone").write_text(ZONE)
        root.joinpath("named.conf").write_text(CONFIG.format(root=root, port=self.port, key=KEY))

    def command(self) -> list[str]:
        return ["/usr/sbin/named", "-g", "-n", "1", "-c", str(self.root / "named.conf")]

    def greets(self) -> bool:
        try:
            return bool(self.says("relay.test", "SOA", within=0.3))
        except (OSError, dns.exception.DNSException):
            return False

    def says(self, name: str = NAME, kind: str = "CNAME", *, within: float = 5.0) -> list[str]:
        """The records of a name, with their TTL."""
        answer = dns.query.udp(dns.message.make_query(name, kind), self.host, timeout=within, port=self.port)
        return [f"{found.ttl} {each.to_text()}" for found in answer.answer for each in found]

    def set_by_hand(self, content: str, kind: str = "CNAME") -> None:
        """An operator's own entry."""
        keys = dns.tsigkeyring.from_text({"mailover-key": KEY})
        update = dns.update.UpdateMessage("relay.test", keyring=keys, keyalgorithm=dns.tsig.HMAC_SHA256)
        update.replace("smtp", 300, kind, content)
        assert dns.query.tcp(update, self.host, timeout=5, port=self.port).rcode() == 0


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Primary]:
    root = tmp_path / "named"
    root.mkdir()
    running = Primary(root)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    store = open_store(f"sqlite:///{tmp_path}/mailover.db")
    made = Service(store=store, policy=POLICY, default_stream="mail", clock=SystemClock(), identity="test")
    yield made
    store.close()


def record(primary: Primary, **settings: object) -> DnsUpdate:
    usual = {"server": f"127.0.0.1:{primary.port}", "domain": "relay.test", "name": NAME}
    keyed = {"key_name": "mailover-key", "key": KEY}
    return DnsUpdate(DnsUpdateSettings.model_validate({**usual, **keyed, **settings}))


def naming(service: Service, provider: str | None) -> Snapshot:
    """A snapshot whose flag names this provider."""
    seen = service.snapshot
    where = account(POLICY.providers.get(provider or ""))
    flag = replace(seen.flags["mail"].flag, provider=provider, epoch=seen.flags["mail"].flag.epoch + 1, **where)
    return replace(seen, flags={"mail": publish(flag, "test")})


def test_a_record_is_made_and_follows(primary: Primary, service: Service) -> None:
    kept = record(primary)
    kept.bring(naming(service, "postmark"))
    assert primary.says() == ["30 smtp.postmark.example."]
    kept.bring(naming(service, "ses"))
    assert primary.says() == ["30 smtp.ses.example."]


def test_a_service_record_has_the_port_too(primary: Primary, service: Service) -> None:
    kept = record(primary, record="SRV", ttl="5s")
    kept.bring(naming(service, "postmark"))
    kept.bring(naming(service, "ses"))
    assert primary.says(kind="SRV") == ["5 0 0 587 smtp.ses.example."]


def test_while_mail_is_held_the_record_stays(primary: Primary, service: Service) -> None:
    kept = record(primary)
    kept.bring(naming(service, "postmark"))
    kept.bring(naming(service, None))
    assert primary.says() == ["30 smtp.postmark.example."]


def test_an_entry_of_somebody_else_is_left_alone(primary: Primary, service: Service) -> None:
    primary.set_by_hand("elsewhere.example.")
    with pytest.raises(UpkeepError, match=r"smtp.relay.test names none of the providers, and is left alone"):
        record(primary).bring(naming(service, "ses"))
    assert primary.says() == ["300 elsewhere.example."]


def test_records_of_another_type_stay_beside_a_service_record_and_keep_a_cname_away(
    primary: Primary, service: Service
) -> None:
    primary.set_by_hand('"ours"', "TXT")
    with pytest.raises(UpkeepError, match=r"smtp.relay.test has records of another type, and is left alone"):
        record(primary).bring(naming(service, "ses"))
    record(primary, record="SRV").bring(naming(service, "ses"))
    assert primary.says(kind="SRV") == ["30 0 0 587 smtp.ses.example."]
    assert primary.says(kind="TXT") == ['300 "ours"']


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::25"])
def test_a_provider_that_has_an_address_for_a_host_is_told_and_never_written(
    primary: Primary, service: Service, host: str
) -> None:
    kept = record(primary)
    kept.bring(naming(service, "postmark"))
    seen = naming(service, "ses")
    numbered = {**POLICY.providers, "ses": replace(POLICY.providers["ses"], host=host)}
    with pytest.raises(UpkeepError, match=r"ses's host is an address, which no CNAME can name"):
        kept.bring(replace(seen, policy=replace(POLICY, providers=numbered)))
    assert primary.says() == ["30 smtp.postmark.example."]


def test_one_that_was_changed_in_between_is_not_written_over(primary: Primary, service: Service) -> None:
    kept = record(primary)
    kept.bring(naming(service, "postmark"))
    primary.set_by_hand("elsewhere.example.")
    with pytest.raises(UpkeepError, match=r"changed by somebody else in the same moment"):
        kept._write("smtp.postmark.example.", "smtp.ses.example.")
    assert primary.says() == ["300 elsewhere.example."]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"key": WRONG}, "PeerBadSignature|PeerBadKey|NOTAUTH"),
        ({"key_name": "nobody"}, "PeerBadKey|NOTAUTH"),
        ({"name": "other.relay.test"}, "answers REFUSED"),
        ({"domain": "elsewhere.test", "name": "smtp.elsewhere.test"}, "answers (NOTAUTH|REFUSED)"),
    ],
)
def test_a_refusal_is_told_without_the_key(
    primary: Primary, service: Service, settings: dict[str, object], why: str
) -> None:
    with pytest.raises(UpkeepError, match=why) as told:
        record(primary, **settings).bring(naming(service, "ses"))
    assert KEY not in str(told.value)
    assert WRONG not in str(told.value)


def test_a_server_that_is_away_is_tried_again(
    primary: Primary, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    primary.stop()
    upkeep = Upkeep("dns-update", service, record(primary).bring)
    with caplog.at_level(logging.ERROR):
        upkeep.start()
        try:
            until(lambda: bool(caplog.records), "a word in the log")
            primary.start()
            until(lambda: primary.says() == ["30 smtp.postmark.example."], "the record")
        finally:
            upkeep.stop()
    assert "not up to date" in caplog.records[0].getMessage()
