"""What exceptions say: rows for failures without a reply, in the words of CPython, OpenSSL and errno.

Consulted only where no reply code came, since a reply is never our own network's silence.
"""

from mailover.core.classification.rule import Rule
from mailover.core.observations import FailureKind

SILENCE = (
    Rule(
        kind=FailureKind.LOCAL,
        because="this machine ran out of a resource or forbade the connection itself",
        words=(
            "too many open files",
            r"\be[mn]file\b",
            r"\benobufs\b",
            "no buffer space",
            r"\benomem\b",
            "cannot allocate memory",
            r"\beaddrnotavail\b",
            "can(not|'t) assign requested address",
            r"\beaddrinuse\b",
            "address already in use",
            r"\benetdown\b",
            "network is down",
            r"\bepe?rm\b",
            r"\beacces\b",
            "operation not permitted",
            "permission denied",
            "permissionerror",
            "can't start new thread",
            "no space left on device",
            "resource temporarily unavailable",
        ),
    ),
    Rule(
        kind=FailureKind.AMBIGUOUS,
        because="no reply came after the final dot, so the message may or may not have been taken",
        words=("no reply (came )?(after|to) the final dot",),
    ),
    Rule(
        kind=FailureKind.TIMEOUT,
        because="the provider did not answer in time",
        words=(
            "timed? ?out",
            r"\betimedout\b",
            "deadline (exceeded|passed)",
        ),
    ),
    Rule(
        kind=FailureKind.TLS,
        because="the encrypted connection could not be set up",
        words=(
            r"\bssl\b",
            r"\bssl(v3|error|eoferror|certverificationerror)",
            "certificate",
            r"\btls",
            "starttls",
            "handshake",
            "self[- ]signed",
            "hostname mismatch",
            "unexpected_eof_while_reading",
            "wrong[ _]version[ _]number",
        ),
    ),
    Rule(
        kind=FailureKind.CONNECTION,
        because="the connection could not be made, or broke",
        words=(
            "refused",
            "reset by peer",
            "broken pipe",
            "unreachable",
            "no route to host",
            "aborted",
            "connection (unexpectedly )?(closed|lost|dropped)",
            "not connected",
            "please run connect",
            "server ?disconnected",
            "end of file",
            r"\beof\b",
            r"\be(conn(refused|reset|aborted)|pipe|netunreach|hostunreach|hostdown|notconn)\b",
        ),
    ),
    Rule(
        kind=FailureKind.CONNECTION,
        because="the provider's name could not be resolved",
        words=(
            "gaierror",
            "name resolution",
            "name or service not known",
            "nodename nor servname",
            "no address associated",
            "servfail",
            "nxdomain",
            "eai_(again|noname|fail|nodata)",
            "getaddrinfo",
            "no answer from (the )?resolver",
        ),
    ),
    Rule(
        kind=FailureKind.AUTH,
        because="the provider offers no way to log in here",
        words=(
            "auth extension not supported",
            "no suitable authentication method",
            "smtpauthenticationerror",
        ),
    ),
    Rule(
        kind=FailureKind.PROTOCOL,
        because="what answered does not speak SMTP",
        words=(
            "^http/",
            "^<(html|!doctype)",
            r"^ssh-\d",
            "not an? smtp",
            "not smtp",
            "line (is )?too long",
            "reply (is )?too long",
            "malformed",
            "unsolicited data",
            "not a reply",
            "invalid reply",
            "bad reply",
        ),
    ),
)
