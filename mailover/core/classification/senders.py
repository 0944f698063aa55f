"""What is said of the addresses that we send from, and of relaying for them."""

from mailover.core.classification.rule import UP_TO_LOGIN, Rule
from mailover.core.observations import FailureKind, Stage

SENDER_REFUSED = (
    Rule(
        kind=FailureKind.POLICY,
        because="the address that we send from was refused",
        words=(
            "sender address (rejected|has |is |was |not |does )",
            "sender (domain|verify|verification) .{0,20}(rejected|failed|not found|does not exist)",
            "verification failed for @",
            "(domain|address) of (the )?sender",
        ),
    ),
    Rule(
        kind=FailureKind.POLICY,
        because="the provider does not know the configuration that our messages name",
        words=("configuration set .{0,60}(does not exist|not found|invalid)",),
    ),
)
"""Spoken before the rows about recipients: many servers refuse a sender only at RCPT, in much the same words."""

SENDERS = (
    Rule(
        kind=FailureKind.POLICY,
        because="the provider does not let us send from this address or to strangers",
        words=(
            (
                r"rela(y|ying|yed?)\b.{0,30}(denied|not (permitted|allowed)|disallowed|prohibited|forbidden|"
                "refused|rejected|access)"
            ),
            r"(unable|not (allowed|permitted|authori[sz]ed)|cannot|refus\w+|no permission|permission) to relay",
            "as a relay",
            "relay not",
            "open relay",
            "(denied|credentials for|not permitted to|we do not|attempt to|unauthori[sz]ed|no|disallowed) relay",
            "relaying (denied|disallowed)",
            "denies relay",
            "not a gateway",
            "(isn't|not) in my list of allowed rcpthosts",
            "tenantattribution",
            "insecure mail relay",
            "this route requires",
            (
                "(not|isn't|is not|aren't|un)( been| yet| a)? ?(verified|confirmed|configured|authori[sz]ed|"
                r"registered|validated|approved|allowed).{0,60}(identit|send(ing|er|)\b|domain|from|signature|"
                r"address|relay|\bip\b)"
            ),
            (
                r"\b(identit(y|ies)|sender|domain|from|signature|address|ip( address)?|shared)\b.{0,60}(not|isn't|"
                "in|un)( been| yet| a)? ?(verified|confirmed|configured|authori[sz]ed|registered|validated|"
                r"approved|allowed|valid\b|owned|match|a sender)"
            ),
            (
                "(unconfigured|unverified|unregistered|unauthori[sz]ed|unprovisioned|unconfirmed) (sending |"
                "from |sender )?(domain|address|ip|sender|host)"
            ),
            "not owned by",
            "mail sending denied",
            "sendasdenied",
            "send as",
            "permissions? to send",
            "send on behalf",
            "restricted to sending",
            "pending approval",
            "sandbox",
            "is not authori[sz]ed",
            "not authori[sz]ed to",
            "not allowed to send",
            "not permitted to send",
            "test purposes only",
            "activate your",
            "sender verif",
            "verify (callout|sender|mail ?from)",
            "mismatche[sd]",
            "(is|sender) unvalidated",
            "denies the sender",
            "sender .{0,20}not in ",
            "sender (address )?(was |is )?(rejected|refused|denied|blocked|invalid|unknown|not accepted)",
            (
                "(domain of )?sender (address )?(@ )?.{0,60}(does not (exist|resolve)|not exist|domain not found|"
                "could not|null mx)"
            ),
            "sender domain",
            (
                "(invalid|unknown|unroutable|bad|illegal|unresolvable|blank|empty|null) .{0,12}(sender|from|"
                r"return|rfc\.?5321|envelope)"
            ),
            "from:? .{0,30}(domain|address).{0,20}(is )?(invalid|not)",
            "sender .{0,80}not a valid",
            "sender policy",
            "emetteur invalide",
            "expediteur",
            "absender.{0,30}(ungultig|abgelehnt|nicht)",
            "remitente",
            "remetente",
            "mittente",
            "отправител.{0,30}(не|отверг|запрещ)",
            "发件人",
            "ip address is not allowed",
            "unauthori[sz]ed ip",
            "from a different address",
            "bad ?sender ?mx",
            "invalid ip for sending",
            "not passed validation",
            "smtp (server|relay) (of|at) your (isp|service provider)",
            "does(n't| not) accept mail from",
            "domain may not exist",
            "mail ?from (is |was )?(not|reject|invalid)",
        ),
        not_at=frozenset({Stage.AUTH}),
    ),
    Rule(
        kind=FailureKind.POLICY,
        because="the provider lets only known addresses of ours log in",
        words=(
            "unauthori[sz]ed ip",
            "ip address (is )?not (allowed|authori[sz]ed|whitelisted)",
            "ip restriction",
        ),
        stages=UP_TO_LOGIN,
    ),
)
