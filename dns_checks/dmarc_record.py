"""One DMARC policy record as a value: RFC 9989 section 4.7, with what RFC 7489 allowed accepted. It asks nothing."""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from dns_checks.tags import read_tags

_VERSION = re.compile(r"[vV][ \t]*=[ \t]*DMARC1[ \t]*(;|\Z)")
_ALMOST = re.compile(r"\s*\"?v\s*=\s*dmarc", re.IGNORECASE)
_ADDRESS = re.compile(r"[^@\s,;!]+@([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+)\Z")
_SIZE = re.compile(r"![0-9]+[kmgtKMGT]?\Z")
_WHOLE = 100
_OBSOLETE = ("pct", "rf", "ri")
_KNOWN = {"v", "p", "sp", "np", "psd", "t", "adkim", "aspf", "rua", "ruf", "fo", *_OBSOLETE}


class Policy(StrEnum):
    """What a domain's owner asks receivers to do with mail that fails."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


_ONE_LESS = {Policy.REJECT: Policy.QUARANTINE, Policy.QUARANTINE: Policy.NONE, Policy.NONE: Policy.NONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcRecord:
    """A record that begins as DMARC records do; what is wrong in it is in `problems`, and its default holds."""

    text: str
    policy: Policy | None
    """`p=`. None when it is missing or wrong: then `none` holds if somebody wants reports, else nothing."""
    subdomains: Policy | None = None
    """`sp=`, for existing names below."""
    nonexistent: Policy | None = None
    """`np=`, for names below that do not exist."""
    strict_dkim: bool = False
    strict_spf: bool = False
    testing: bool = False
    """`t=y`: receivers that know RFC 9989 apply one step less."""
    percent: int = _WHOLE
    """`pct=`: gone with RFC 9989, still obeyed by older receivers."""
    boundary: str = "u"
    """`psd=`: `y` a public suffix, `n` an organizational domain, `u` neither is said."""
    reports_to: tuple[str, ...] = ()
    """The `mailto:` addresses of `rua=` that can be read."""
    problems: tuple[str, ...] = ()

    @property
    def applies(self) -> bool:
        """Whether receivers do anything with it."""
        return self.policy is not None or bool(self.reports_to)

    def policy_for(self, *, below: bool, exists: bool = True) -> Policy:
        """What is asked for mail from the record's own domain, or from one `below` it."""
        own = self.policy or Policy.NONE
        if not below:
            return own
        return (None if exists else self.nonexistent) or self.subdomains or own


def softened(policy: Policy) -> Policy:
    """What a receiver applies instead under `t=y`."""
    return _ONE_LESS[policy]


def is_dmarc(text: str) -> bool:
    """Whether a TXT record takes part: the version comes first, and in capitals."""
    return bool(_VERSION.match(text))


def was_meant(text: str) -> bool:
    """Whether somebody will have thought that it is a DMARC record."""
    return not is_dmarc(text) and bool(_ALMOST.match(text))


def read_record(text: str) -> DmarcRecord:
    """For texts that `is_dmarc` says yes to."""
    tags = read_tags(text)
    values = {name.lower(): value for name, value in tags.values.items()}
    problems = list(tags.problems)
    policy = _policy(values, "p", problems)
    if policy is None and "p" not in values:
        problems.append("p= is missing")
    below, nonexistent = _policy(values, "sp", problems), _policy(values, "np", problems)
    if ("sp" in values and below is None) or ("np" in values and nonexistent is None):
        policy = below = nonexistent = None
    reports = _addresses(values.get("rua", ""), "rua", problems)
    _addresses(values.get("ruf", ""), "ruf", problems)
    return DmarcRecord(
        text=text,
        policy=policy,
        subdomains=below,
        nonexistent=nonexistent,
        strict_dkim=_one_of(values, "adkim", "rs", problems) == "s",
        strict_spf=_one_of(values, "aspf", "rs", problems) == "s",
        testing=_one_of(values, "t", "ny", problems) == "y",
        percent=_percent(values, problems),
        boundary=_one_of(values, "psd", "uyn", problems),
        reports_to=reports,
        problems=(*problems, *(f"the tag {name}= is not known" for name in values if name not in _KNOWN)),
    )


def obsolete_tags(record: DmarcRecord) -> tuple[str, ...]:
    """Tags that RFC 9989 took away."""
    names = {name.lower() for name in read_tags(record.text).values}
    return tuple(name for name in _OBSOLETE if name in names)


def _policy(values: dict[str, str], name: str, problems: list[str]) -> Policy | None:
    if name not in values:
        return None
    try:
        return Policy(values[name].lower())
    except ValueError:
        problems.append(f"{name}= must be none, quarantine or reject")
        return None


def _one_of(values: dict[str, str], name: str, letters: str, problems: list[str]) -> str:
    """A letter; the first is the default."""
    value = values.get(name, letters[0]).lower()
    if len(value) == 1 and value in letters:
        return value
    problems.append(f"{name}= must be {' or '.join(letters)}")
    return letters[0]


def _percent(values: dict[str, str], problems: list[str]) -> int:
    value = values.get("pct", str(_WHOLE))
    if value.isascii() and value.isdecimal() and int(value[:4]) <= _WHOLE:
        return int(value[:4])
    problems.append("pct= must be a number from 0 to 100")
    return _WHOLE


def _addresses(value: str, name: str, problems: list[str]) -> tuple[str, ...]:
    found = []
    for uri in filter(None, (part.strip() for part in value.split(","))):
        scheme, _, rest = uri.partition(":")
        address = unquote(_SIZE.sub("", rest.partition("?")[0]))
        if scheme.lower() != "mailto":
            problems.append(
                f"{name}= has an address without mailto:" if "@" in uri else f"{name}= wants mailto: addresses"
            )
        elif not _ADDRESS.match(address):
            problems.append(f"{name}= has something that is no address")
        else:
            found.append(address)
    return tuple(found)
