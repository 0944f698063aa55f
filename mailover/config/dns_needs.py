"""What the settings mean to the DNS checks: each account's conventions, and whose domain a provider sends for."""

from collections.abc import Mapping
from dataclasses import replace

from dns_checks.catalogue import find_entry
from dns_checks.conventions import EnvelopeOf, ProviderDns, conventions_of
from mailover.config.dns import DnsProviderSettings
from mailover.config.providers import ProviderSettings
from mailover.config.settings import Settings


def provider_needs(settings: Settings) -> Mapping[str, ProviderDns]:
    """What every configured provider needs of a domain's DNS, by the provider's name."""
    special = settings.dns.providers if settings.dns else {}
    return {
        name: _needs(name, account, special.get(name, DnsProviderSettings()))
        for name, account in settings.providers.items()
    }


def sender_domains(settings: Settings) -> Mapping[str, str]:
    """Whose domain each provider's mail has in From: that of `from` where it is watched, else the first watched one."""
    if settings.dns is None:
        return {}
    domains = settings.dns.domains
    own = {name: (account.sender or "").rpartition("@")[2].lower() for name, account in settings.providers.items()}
    return {name: domain if domain in domains else domains[0] for name, domain in own.items()}


def _needs(name: str, account: ProviderSettings, special: DnsProviderSettings) -> ProviderDns:
    needs = conventions_of(
        find_entry(account.preset) if account.preset else None,
        provider=name,
        region=account.region,
        return_path=special.return_path,
        selectors=special.selectors,
        includes=special.spf_include,
        networks=special.send_ips,
    )
    if account.envelope_from and not special.return_path and needs.envelope is EnvelopeOf.SENDER:
        return replace(needs, return_path=account.envelope_from.rpartition("@")[2].lower())
    return needs
