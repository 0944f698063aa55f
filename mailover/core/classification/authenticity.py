"""What is said of where our mail comes from: SPF, DKIM and DMARC, host names and reverse records."""

from mailover.core.classification.rule import Rule
from mailover.core.observations import FailureKind, Stage

AUTHENTICITY = (
    Rule(
        kind=FailureKind.TLS,
        because="the receiving side takes mail over encrypted connections only",
        words=("tls required for", "use tls/ssl for", "sent over a tls"),
    ),
    Rule(
        kind=FailureKind.POLICY,
        because="our mail does not prove where it comes from (SPF, DKIM, DMARC)",
        words=(
            r"\bd-?marc\b",
            r"\bdkim\b(?! domain)",
            "domainkeys",
            r"\bmi:(spf|dmc|dkm)",
            "(senders?|domain) (requires?|required) .{0,20}authenticat",
            r"\bspf\b(?! domain)",
            "sender policy framework",
            r"sender id \(pra\)",
            "purported responsible",
            "unauthenticated (e?mail|message)",
            "(sender|mail|message|it) is unauthenticated",
            "required authentication level",
            "(fails?|failed|failing) (to pass )?authentication checks",
            "spoof",
            "cxsndr",
            "arc validation",
            "passing dkim",
        ),
    ),
    Rule(
        kind=FailureKind.POLICY,
        because="the sending host's name or address record is not in order (PTR, HELO)",
        words=(
            r"\bptr\b",
            "reverse[- ]?dns",
            r"\brdns\b",
            "reverse (lookup|host|name)",
            "cannot (find|resolve) your (host ?name|address|domain)",
            "cxdns",
            r"\bib108\b",
            "name lookup failed",
            "dns check fail",
            "no reverse",
            "missing ptr",
            "unverif(y|i)able sending",
            r"\bhelo\b.{0,40}(reject|invalid|need|required|denied|argument|domain)",
            "bad helo",
            "(invalid|bad|empty) (helo|ehlo)",
            "fully[- ]qualified",
            "helo/ehlo (argument|requires)",
            "invalid domain name$",
            "ipv6 sending guidelines",
        ),
        not_at=frozenset({Stage.AUTH}),
    ),
)
