"""`mailover dns check`: the matrix for people, the report for programs, without a config and without an agent."""

import json
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.rcode
import dns.rrset
import pytest
from click.testing import CliRunner, Result
from dkim_keys import key_record
from hostile.names import HostileNames

from mailover.cli import main

ZONE = {
    "good.example. TXT": '"v=spf1 ip4:192.0.2.1 -all"',
    "_dmarc.good.example. TXT": '"v=DMARC1; p=reject; rua=mailto:dmarc@good.example"',
    "sg1._domainkey.good.example. TXT": f'"{key_record()}"',
    "bounce.good.example. TXT": '"v=spf1 ip4:192.0.2.0/24 -all"',
    "sendgrid.net. TXT": '"v=spf1 ip4:192.0.2.0/24 ~all"',
    "_dmarc.bad.example. TXT": '"v=DMARC1; p=reject; rua=mailto:dmarc@bad.example"',
    "bad.example. TXT": '"v=spf1 -all"',
}


def answer(question: dns.message.Message) -> dns.message.Message:
    reply = dns.message.make_response(question)
    asked = question.question[0]
    key = f"{asked.name.to_text().lower()} {dns.rdatatype.to_text(asked.rdtype)}"
    if key in ZONE:
        reply.answer.append(dns.rrset.from_text(asked.name, 300, "IN", asked.rdtype, ZONE[key]))
    elif not any(known.split()[0] == asked.name.to_text().lower() for known in ZONE):
        reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply


@pytest.fixture(scope="module")
def server() -> Iterator[HostileNames]:
    with HostileNames(answer) as running:
        yield running


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No config is found by accident."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def check(server: HostileNames, *words: str) -> Result:
    return CliRunner().invoke(main, ["dns", "check", *words, "--nameserver", server.address])


TOLD = ["--selector", "sendgrid=sg1", "--return-path", "sendgrid=bounce.{d}"]


def test_it_works_without_config_agent_or_account(server: HostileNames) -> None:
    done = check(server, "good.example", "--provider", "sendgrid", *TOLD)
    assert done.exit_code == 0, done.output
    assert "sendgrid" in done.output
    assert "both" in done.output


def test_a_pair_that_fails_is_shown_with_what_to_publish_and_ends_with_one(server: HostileNames) -> None:
    done = check(server, "good.example", "bad.example", "--provider", "sendgrid", *TOLD)
    assert done.exit_code == 1
    assert "does not pass DMARC" in done.output
    assert "bad.example with sendgrid" in done.output
    assert "publish: bounce.bad.example. CNAME u*.wl*.sendgrid.net." in done.output


def test_what_the_catalogue_cannot_know_is_unknown_and_says_what_to_tell(server: HostileNames) -> None:
    done = check(server, "good.example", "--provider", "postmark", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["broken"] is False
    (cell,) = report["cells"]
    assert cell["verdict"] == "unknown"
    advice = [finding["advice"] for finding in cell["findings"] if finding["advice"]]
    assert "publish: pm-bounces.good.example. CNAME pm.mtasv.net." in advice
    assert any("name the selector" in each for each in advice)


def test_json_has_the_cells_with_their_records(server: HostileNames) -> None:
    done = check(server, "good.example", "--provider", "sendgrid", *TOLD, "--json")
    report = json.loads(done.stdout)
    (cell,) = report["cells"]
    assert (cell["domain"], cell["provider"], cell["verdict"]) == ("good.example", "sendgrid", "both")
    assert (cell["envelope"], cell["coverage"]) == ("bounce.good.example", "pass")
    records = [record for finding in cell["findings"] for record in finding["records"]]
    assert {"name": "sg1._domainkey.good.example", "type": "TXT", "value": key_record()} in records
    assert [each["domain"] for each in report["domains"]] == ["good.example"]


def test_each_question_is_asked_once(server: HostileNames) -> None:
    server.asked.clear()
    check(server, "good.example", "bad.example", "--provider", "sendgrid", "--provider", "brevo", "--also", "mx")
    assert len(server.asked) == len(set(server.asked))


def test_a_mute_name_server_costs_its_time_once_and_breaks_nothing() -> None:
    with HostileNames(lambda _: None) as mute:
        began = time.monotonic()
        done = check(mute, "good.example", "bad.example", "--provider", "sendgrid", *TOLD, "--timeout", "0.3")
        assert time.monotonic() - began < 8
    assert done.exit_code == 0, done.output
    assert "unknown" in done.output


def test_the_configs_domains_and_providers_are_the_default(server: HostileNames, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        textwrap.dedent("""
            [providers.mine]
            preset = "sendgrid"
            from = "noreply@good.example"
            password = "key"
            [streams.mail]
            providers = ["mine"]
            [dns]
            domains = ["good.example"]
            [dns.providers.mine]
            selectors = ["sg1"]
            return_path = "bounce.good.example"
        """),
        encoding="utf-8",
    )
    done = check(server, "--json")
    assert done.exit_code == 0, done.output
    (cell,) = json.loads(done.stdout)["cells"]
    assert (cell["provider"], cell["verdict"]) == ("mine", "both")
    done = check(server, "bad.example", "--provider", "mine", "--json")
    assert json.loads(done.stdout)["cells"][0]["domain"] == "bad.example"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "name a domain"),
        (("good.example", "--provider", "sendgird"), "did you mean 'sendgrid'?"),
        (("good.example", "--provider", "sendgrid", "--selector", "s1"), "takes PROVIDER=VALUE"),
        (("good.example", "--provider", "sendgrid", "--selector", "ses=x"), "is not among the providers"),
        (("good.example", "--also", "everything"), "is not one of"),
        (("good example", "--provider", "sendgrid"), "is not a domain"),
        (("noreply@good.example", "--provider", "sendgrid"), "is not a domain"),
        (("good.example\x1b[2J", "--provider", "sendgrid"), "is not a domain"),
    ],
)
def test_wrong_usage_ends_with_two(server: HostileNames, words: tuple[str, ...], says: str) -> None:
    done = check(server, *words)
    assert done.exit_code == 2
    assert says in done.output


def test_what_others_wrote_moves_no_cursor() -> None:
    def rude(question: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(question)
        if question.question[0].rdtype == dns.rdatatype.TXT:
            name = question.question[0].name
            reply.answer.append(dns.rrset.from_text(name, 300, "IN", "TXT", '"v=spf1 \\027[2J include:\\027[1mx -all"'))
        return reply

    with HostileNames(rude) as server:
        done = check(server, "good.example", "--provider", "sendgrid", "--all", "--also", "mx", "--also", "tls")
    assert "spf permerror" in done.output
    assert "\x1b" not in done.output


def test_other_scripts_are_asked_for_as_the_dns_knows_them(server: HostileNames) -> None:
    server.asked.clear()
    done = check(server, "Bücher.Example.", "--provider", "sendgrid", "--json")
    assert json.loads(done.stdout)["cells"][0]["domain"] == "xn--bcher-kva.example"
    assert any("xn--bcher-kva.example." in question for question in server.asked)


def test_every_name_server_can_be_asked_as_well(server: HostileNames) -> None:
    done = check(server, "good.example", "--provider", "sendgrid", "--also", "authority", "--json")
    (domain,) = json.loads(done.stdout)["domains"]
    assert "authority" in {finding["check"] for finding in domain["findings"]}


def test_mail_exchangers_are_connected_to_when_that_is_wished() -> None:
    def with_mx(question: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(question)
        asked = question.question[0]
        # The broadcast address: a connection to it fails at once, on any machine.
        record = {"MX": "10 mx.good.example.", "A": "255.255.255.255"}.get(dns.rdatatype.to_text(asked.rdtype))
        if record is not None:
            reply.answer.append(dns.rrset.from_text(asked.name, 300, "IN", asked.rdtype, record))
        return reply

    with HostileNames(with_mx) as server:
        done = check(server, "good.example", "--provider", "sendgrid", "--reach")
    assert "mx unreachable: mx.good.example [255.255.255.255], MX of good.example, does not answer on port 25" in (
        " ".join(done.output.split())
    )


def test_the_policy_file_that_is_announced_is_asked_for() -> None:
    def announcing(question: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(question)
        name, kind = question.question[0].name, question.question[0].rdtype
        if name.to_text() == "_mta-sts.good.example." and kind == dns.rdatatype.TXT:
            reply.answer.append(dns.rrset.from_text(name, 300, "IN", "TXT", '"v=STSv1; id=1"'))
        return reply

    with HostileNames(announcing) as server:
        done = check(server, "good.example", "--provider", "sendgrid", "--also", "tls", "--json")
        assert "mta-sts.good.example. IN A" in server.asked
    (domain,) = json.loads(done.stdout)["domains"]
    verdicts = {finding["check"]: finding["verdict"] for finding in domain["findings"]}
    assert verdicts["mta_sts"] == "no_policy"
