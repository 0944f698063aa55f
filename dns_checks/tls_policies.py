"""What a receiving domain asks of TLS: MTA-STS (RFC 8461), TLS-RPT (RFC 8460) and DANE (RFC 7672). All are optional.

The policy file of MTA-STS is on a web server: who can fetch, passes a `Fetch`. Certificates are not looked at here.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from dns_checks.answers import MX, TLSA, TXT, Answer, Found, Lookup, Mx, Tlsa, Unknown
from dns_checks.findings import UNKNOWN, Check, Finding, Seen, printable, seen_in
from dns_checks.tags import read_tags
from mailover.core.events import Severity

_MODES = {"enforce", "testing", "none"}
_ID = re.compile(r"[A-Za-z0-9]{1,32}\Z")
_LONGEST_AGE = 31_557_600
_DAY = 86_400
_LONGEST_POLICY = 64 * 1024
_DIGEST_LENGTHS = {1: 64, 2: 128}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The policy file, or why there is none."""

    text: str | None
    because: str = ""


Fetch = Callable[[str], Awaitable[Fetched]]
"""Gets `https://mta-sts.<domain>/.well-known/mta-sts.txt` within its own deadline and size limit. Never raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StsPolicy:
    """An MTA-STS policy file."""

    mode: str
    hosts: tuple[str, ...]
    """Patterns of mail exchangers, in lower case."""
    max_age: int
    problems: tuple[str, ...] = ()

    def covers(self, host: str) -> bool:
        """Whether a mail exchanger may have this name; `*.` stands for one label."""
        above = host.lower().partition(".")[2]
        return any(pattern in {host.lower(), f"*.{above}"} for pattern in self.hosts)


async def check_tls_policies(domain: str, lookup: Lookup, *, fetch: Fetch | None = None) -> tuple[Finding, ...]:
    """One finding or more of each of the three."""
    domain = domain.lower().removesuffix(".")
    exchangers = await lookup.ask(domain, MX)
    records = exchangers.records if isinstance(exchangers, Found) else ()
    hosts = tuple(dict.fromkeys(mx.host.lower() for mx in records if mx.host))
    found = await asyncio.gather(
        _mta_sts(domain, hosts, lookup, fetch), _tls_rpt(domain, lookup), _dane(domain, exchangers, hosts, lookup)
    )
    return tuple(finding for part in found for finding in part)


def read_policy(text: str) -> StsPolicy:
    """A policy file (RFC 8461 section 3.2), with what is wrong in it."""
    pairs = [line.partition(":") for line in text[:_LONGEST_POLICY].splitlines() if line.strip()]
    values = {name.strip(): value.strip() for name, _, value in reversed(pairs)}
    hosts = tuple(value.strip().lower() for name, _, value in pairs if name.strip() == "mx")
    mode, age = values.get("mode", ""), values.get("max_age", "")
    problems = []
    if values.get("version") != "STSv1":
        problems.append("its version is not STSv1")
    if mode not in _MODES:
        problems.append("its mode is not enforce, testing or none")
    if not (age.isascii() and age.isdecimal() and int(age[:10]) <= _LONGEST_AGE):
        problems.append(f"its max_age is no number of seconds up to {_LONGEST_AGE}")
    if not hosts and mode != "none":
        problems.append("it names no mx")
    return StsPolicy(
        mode=mode,
        hosts=hosts,
        max_age=int(age[:10]) if age.isascii() and age.isdecimal() else 0,
        problems=tuple(problems),
    )


async def _mta_sts(domain: str, hosts: Sequence[str], lookup: Lookup, fetch: Fetch | None) -> list[Finding]:
    name = f"_mta-sts.{domain}"
    answer = await lookup.ask(name, TXT)
    said = _Saying(domain, Check.MTA_STS, seen_in(name, TXT, answer))
    if isinstance(answer, Unknown):
        return [said(UNKNOWN, Severity.INFO, f"whether {domain} has MTA-STS is not known: {answer.because}")]
    texts = _beginning(answer, "v=STSv1")
    if not texts:
        return [
            said("missing", Severity.INFO, f"{domain} has no MTA-STS: a forced fall-back to clear text goes unseen")
        ]
    if len(texts) > 1:
        return [said("duplicate", Severity.WARNING, f"{name} has {len(texts)} records, and senders then use none")]
    if not _ID.match(read_tags(texts[0]).values.get("id", "")):
        return [said("malformed", Severity.WARNING, f"{name} has no id= of 1 to 32 letters and digits")]
    if fetch is None:
        return [said("announced", None, f"{domain} announces MTA-STS; its policy file was not fetched")]
    fetched = await fetch(domain)
    if fetched.text is None:
        because = f"{domain} announces MTA-STS, and its policy file cannot be had: {fetched.because}"
        return [said("no_policy", Severity.WARNING, because)]
    return list(_policy(domain, hosts, read_policy(fetched.text), said))


def _policy(domain: str, hosts: Sequence[str], policy: StsPolicy, said: "_Saying") -> Iterator[Finding]:
    if policy.problems:
        because = f"the MTA-STS policy of {domain} is not valid: {'; '.join(policy.problems)}"
        yield said("malformed", Severity.WARNING, because)
        return
    strangers = [host for host in hosts if not policy.covers(host)]
    if strangers and policy.mode != "none":
        severity = Severity.CRITICAL if policy.mode == "enforce" else Severity.WARNING
        because = f"the MTA-STS policy of {domain} (mode {policy.mode}) does not name {', '.join(strangers)}"
        advice = f"add to the policy: mx: {strangers[0]}; then change id= at _mta-sts.{domain}"
        yield said("mismatch", severity, because, advice)
    elif policy.max_age < _DAY and policy.mode == "enforce":
        because = f"senders forget the MTA-STS policy of {domain} after {policy.max_age} s"
        yield said("brief", Severity.INFO, because, "a max_age of weeks protects")
    else:
        yield said("good", None, f"{domain} has MTA-STS in mode {policy.mode}")


async def _tls_rpt(domain: str, lookup: Lookup) -> list[Finding]:
    name = f"_smtp._tls.{domain}"
    answer = await lookup.ask(name, TXT)
    said = _Saying(domain, Check.TLS_RPT, seen_in(name, TXT, answer))
    if isinstance(answer, Unknown):
        return [said(UNKNOWN, Severity.INFO, f"whether {domain} has TLS-RPT is not known: {answer.because}")]
    texts = _beginning(answer, "v=TLSRPTv1")
    if not texts:
        advice = f'publish: {name}. TXT "v=TLSRPTv1; rua=mailto:tls-reports@{domain}"'
        return [said("missing", Severity.INFO, f"nobody reports failing TLS to {domain} (no TLS-RPT)", advice)]
    if len(texts) > 1:
        return [said("duplicate", Severity.WARNING, f"{name} has {len(texts)} records, and senders then use none")]
    wanted = [uri.strip() for uri in read_tags(texts[0]).values.get("rua", "").split(",")]
    if not all(uri.startswith(("mailto:", "https://")) for uri in wanted):
        return [said("malformed", Severity.WARNING, f"rua= of {name} must be mailto: or https: addresses")]
    return [said("good", None, f"failing TLS is reported to {printable(', '.join(wanted), 200)}")]


async def _dane(domain: str, exchangers: Answer[Mx], hosts: Sequence[str], lookup: Lookup) -> list[Finding]:
    names = [f"_25._tcp.{host}" for host in hosts]
    answers = await asyncio.gather(*(lookup.ask(name, TLSA) for name in names))
    seen = tuple(each for name, answer in zip(names, answers, strict=True) for each in seen_in(name, TLSA, answer))
    said = _Saying(domain, Check.DANE, seen)
    by_host = dict(zip(hosts, answers, strict=True))
    unknown = next((answer for answer in (exchangers, *answers) if isinstance(answer, Unknown)), None)
    having = [host for host, answer in by_host.items() if isinstance(answer, Found)]
    if unknown:
        return [said(UNKNOWN, Severity.INFO, f"whether {domain} has DANE is not known: {unknown.because}")]
    if not having:
        return [said("missing", Severity.INFO, f"no mail exchanger of {domain} has DANE (TLSA)")]
    found = [
        said(
            "malformed", Severity.CRITICAL, f"no TLSA record of {host} can be used: {_tlsa_problem(answer.records[0])}"
        )
        for host, answer in by_host.items()
        if isinstance(answer, Found) and all(map(_tlsa_problem, answer.records))
    ]
    lacking = [host for host in hosts if host not in having]
    if lacking:
        because = f"{', '.join(lacking)} of {domain} has no TLSA record, and the others have"
        found.append(said("partial", Severity.WARNING, because, "a sender that is made to use that host loses DANE"))
    return found or [said("good", None, f"every mail exchanger of {domain} has DANE (if its zone is signed)")]


def _tlsa_problem(record: Tlsa) -> str | None:
    """Why SMTP cannot use it (RFC 7672 section 3.1)."""
    if record.usage not in {2, 3}:
        return f"usage {record.usage} is not for mail, 2 and 3 are"
    if record.selector not in {0, 1}:
        return f"selector {record.selector} means nothing"
    if record.matching not in {0, 1, 2}:
        return f"matching type {record.matching} means nothing"
    wanted = _DIGEST_LENGTHS.get(record.matching)
    return f"its digest has not {wanted} digits" if wanted and len(record.data) != wanted else None


def _beginning(answer: Answer[str], version: str) -> list[str]:
    """The records of this version; senders pass over others."""
    texts = answer.records if isinstance(answer, Found) else ()
    return [text for text in texts if text.partition(";")[0].strip() == version]


@dataclass(frozen=True, slots=True)
class _Saying:
    """Findings of one check that rest on the same records."""

    domain: str
    check: Check
    seen: tuple[Seen, ...]

    def __call__(self, verdict: str, severity: Severity | None, because: str, advice: str | None = None) -> Finding:
        return Finding(
            domain=self.domain,
            check=self.check,
            verdict=verdict,
            severity=severity,
            because=because,
            records=self.seen,
            advice=advice,
        )
