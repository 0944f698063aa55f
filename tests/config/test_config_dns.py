"""The table [dns]: what the checks are told of it."""

from typing import Any

import pytest

from dns_checks.conventions import EnvelopeOf
from mailover.config import build
from mailover.config.dns_needs import provider_needs, sender_domains
from mailover.config.showing import warnings
from mailover.errors import ConfigError


def document(**dns: Any) -> dict[str, Any]:
    return {
        "providers": {
            "postmark": {"preset": "postmark", "from": "noreply@example.com"},
            "relay": {"host": "smtp.example.org", "from": "x@example.org", "envelope_from": "bounce@b.example.org"},
        },
        "streams": {"mail": {"providers": ["postmark", "relay"]}},
        "dns": {"domains": ["example.com", "example.org"], **dns},
    }


def test_a_preset_brings_its_conventions_and_the_table_overrides_them() -> None:
    needs = provider_needs(build(document(), {}))
    assert needs["postmark"].includes == ("spf.mtasv.net",)
    assert not needs["postmark"].selectors[0].known
    told = {"postmark": {"selectors": ["2024pm"], "return_path": "bounces.example.com"}}
    needs = provider_needs(build(document(providers=told), {}))
    assert [selector.name for selector in needs["postmark"].selectors] == ["2024pm"]
    assert needs["postmark"].return_path == "bounces.example.com"


def test_an_account_without_a_preset_sends_from_what_is_configured() -> None:
    needs = provider_needs(build(document(providers={"relay": {"send_ips": ["192.0.2.7", "2001:db8::/64"]}}), {}))
    assert needs["relay"].envelope is EnvelopeOf.SENDER
    assert needs["relay"].return_path == "b.example.org"
    assert [str(network) for network in needs["relay"].networks] == ["192.0.2.7/32", "2001:db8::/64"]


def test_each_provider_sends_for_the_domain_of_its_from() -> None:
    assert sender_domains(build(document(), {})) == {"postmark": "example.com", "relay": "example.org"}
    one = build(document(domains=["example.net"]), {})
    assert sender_domains(one) == {"postmark": "example.net", "relay": "example.net"}


@pytest.mark.parametrize(
    ("dns", "says"),
    [
        ({"interval": "5s"}, "dns.interval: must be at least 1m"),
        ({"relay_addresses": ["192.0.2.0/24"]}, "dns.relay_addresses: must be single addresses"),
        ({"providers": {"relay": {"send_ips": ["here"]}}}, "dns.providers.relay.send_ips[0]: must be an address"),
        ({"providers": {"postmrk": {}}}, "dns.providers.postmrk: no such provider; did you mean"),
        ({"also": ["everything"]}, "dns.also[0]"),
        ({"reach": True}, 'reach = true needs "mx" in also'),
    ],
)
def test_nonsense_is_refused_with_its_place(dns: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        build(document(**dns), {})
    assert says in str(refused.value)


def test_spares_of_one_company_or_one_cloud_are_warned_of() -> None:
    presets = {"ours": "ses", "spare": "resend", "second": "ses", "other": "postmark"}
    accounts = {name: {"preset": preset, "password": "x"} for name, preset in presets.items()}
    for name in ("ours", "second"):
        accounts[name] |= {"region": "eu-west-1", "username": "x"}
    accounts["other"]["username"] = "x"
    settings = build({"providers": accounts, "streams": {"mail": {"providers": list(presets)}}}, {})
    told = [each for each in warnings(settings, None) if "may fail together" in each]
    assert told == [
        "streams.mail: ours and spare may fail together: both send from amazonses.com",
        "streams.mail: ours and second may fail together: both are Amazon SES",
        "streams.mail: spare and second may fail together: both send from amazonses.com",
    ]
