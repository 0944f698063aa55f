"""The verdict that matters: will mail that a provider sends for a domain pass DMARC, and by what.

The parts come from `envelope`, `coverage`, `dkim` and `dmarc`; here they are put together. No `none` rests on a guess.
"""

from dataclasses import dataclass
from enum import StrEnum

from dns_checks.answers import Lookup, Unknown
from dns_checks.conventions import ProviderDns
from dns_checks.coverage import Coverage, Covered
from dns_checks.dkim import DkimKey
from dns_checks.dkim_key import KeyState
from dns_checks.dmarc import Dmarc
from dns_checks.envelope import Envelope, Known
from dns_checks.findings import Check, Finding
from dns_checks.tree_walk import is_aligned
from mailover.core.events import Severity


class Passes(StrEnum):
    """By what mail passes DMARC."""

    BOTH = "both"
    DKIM_ONLY = "dkim_only"
    SPF_ONLY = "spf_only"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """SPF or DKIM alone: whether it passes in alignment with the From domain."""

    passes: bool | None
    """None: not known."""
    because: str
    silent: bool = False
    """Not known because the DNS did not answer; else something was never told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """One domain's mail through one provider."""

    passes: Passes
    because: str
    spf: Leg
    dkim: Leg

    @property
    def silent(self) -> bool:
        """Whether it is unknown only because the DNS did not answer."""
        return self.passes is Passes.UNKNOWN and (self.spf.silent or self.dkim.silent)


_WORDS = {
    Passes.BOTH: "passes DMARC by DKIM and by SPF",
    Passes.DKIM_ONLY: "passes DMARC by DKIM alone",
    Passes.SPF_ONLY: "passes DMARC by SPF alone",
    Passes.NONE: "does not pass DMARC",
    Passes.UNKNOWN: "may or may not pass DMARC",
}


async def spf_leg(dns: ProviderDns, envelope: Envelope, coverage: Coverage | None, dmarc: Dmarc, lookup: Lookup) -> Leg:
    """Whether SPF passes, and for a domain that speaks for the sender's. `coverage` is None without an envelope."""
    domain = dmarc.domain
    if envelope.domain is None or coverage is None:
        known = envelope.known in {Known.PROVIDER, Known.WRONG} and dns.envelope_verified
        return Leg(passes=False if known else None, because=envelope.because, silent=envelope.known is Known.SILENT)
    if dmarc.unknown is not None and envelope.domain != domain:
        return Leg(passes=None, because=f"how strictly to align is not known: {dmarc.unknown.because}", silent=True)
    aligned = await is_aligned(domain, envelope.domain, lookup, strict=dmarc.strict_spf)
    if isinstance(aligned, Unknown):
        return Leg(passes=None, because=aligned.because, silent=True)
    if not aligned:
        strict = " strictly" if dmarc.strict_spf else ""
        return Leg(passes=False, because=f"the envelope's {envelope.domain} does not align{strict} with {domain}")
    if coverage.covered in {Covered.PASS, Covered.PARTIAL}:
        return Leg(passes=True, because=coverage.because)
    if coverage.covered is Covered.UNKNOWN:
        return Leg(passes=None, because=coverage.because, silent=coverage.silent)
    certain = bool(dns.networks) or dns.includes_verified or coverage.covered is Covered.PERMERROR
    guessed = "" if certain else " (where it sends from is a guess)"
    return Leg(passes=False if certain else None, because=coverage.because + guessed)


def dkim_leg(keys: tuple[DkimKey, ...], finding: Finding) -> Leg:
    """Whether a signature verifies. Keys are at the sender's own domain, so that a signature always aligns."""
    if any(key.state.usable for key in keys):
        return Leg(passes=True, because=finding.because)
    if not keys or any(key.state is KeyState.UNKNOWN for key in keys):
        return Leg(passes=None, because=finding.because, silent=bool(keys))
    guessed = not any(key.selector.verified for key in keys)
    return Leg(passes=None if guessed else False, because=finding.because)


def align(domain: str, dns: ProviderDns, spf: Leg, dkim: Leg) -> Alignment:
    """The two together. One that passes is enough for DMARC; only two that certainly fail are `none`."""
    if spf.passes and dkim.passes:
        passes = Passes.BOTH
    elif dkim.passes:
        passes = Passes.DKIM_ONLY
    elif spf.passes:
        passes = Passes.SPF_ONLY
    elif spf.passes is False and dkim.passes is False:
        passes = Passes.NONE
    else:
        passes = Passes.UNKNOWN
    doubts = [f"{name}: {leg.because}" for name, leg in (("DKIM", dkim), ("SPF", spf)) if not leg.passes]
    because = f"mail from {domain} through {dns.provider} {_WORDS[passes]}"
    return Alignment(passes=passes, because="; ".join([because, *doubts]), spf=spf, dkim=dkim)


def judge_alignment(domain: str, dns: ProviderDns, alignment: Alignment) -> Finding:
    """The verdict as a finding."""
    severity = {
        Passes.BOTH: None,
        Passes.DKIM_ONLY: Severity.INFO,
        Passes.SPF_ONLY: Severity.WARNING,
        Passes.NONE: Severity.CRITICAL,
        Passes.UNKNOWN: Severity.WARNING if alignment.silent else Severity.INFO,
    }[alignment.passes]
    advice = None
    if alignment.passes is Passes.SPF_ONLY and alignment.dkim.passes is False:
        advice = "set up DKIM as well: SPF is lost whenever mail is forwarded"
    return Finding(
        domain=domain,
        provider=dns.provider,
        check=Check.ALIGNMENT,
        verdict=alignment.passes,
        severity=severity,
        because=alignment.because,
        advice=advice,
    )
