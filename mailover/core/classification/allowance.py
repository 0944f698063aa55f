"""What is said of our account at the provider: switched off, used up, or too fast."""

from mailover.core.classification.rule import GREETING, Rule
from mailover.core.observations import FailureKind, Stage

SUSPENDED = (
    Rule(
        kind=FailureKind.RATE_LIMIT,
        because="logins were tried too often",
        words=(r"too many .{0,20}\b(login|log in|auth\w*|password|attempt)s?\b",),
    ),
    Rule(
        kind=FailureKind.SUSPENDED,
        because="the provider has switched our account, domain or sending off",
        words=(
            (
                "sending (has been |is |was |from this domain is |for this account )?(paused|suspended|disabled|"
                "blocked|halted|stopped)"
            ),
            "(sending )?(paused|suspended|disabled|halted|blocked) for (this|your) (account|domain)",
            (
                r"\byour (?!message|e?mail|letter)(\S+ ){0,2}(account|domain|subaccount|server|workspace|"
                "user) .{0,40}?(suspend|disabled|deactivat|paused|blocked|terminated|not (yet )?activ|inactive|"
                "locked|closed|on hold|at risk|under review|not enabled|banned)"
            ),
            (
                "(not allowed to send|sending disabled|unable to send).{0,80}((account|domain) .{0,40}"
                "(disabled|terminated|suspended|closed)|activate|business verification|under review)"
            ),
            (
                "(smtp|sending|sender('s)?) (account|subaccount|service|domain) (is |has been |"
                "was )?(not (yet )?activated|suspended|on hold)"
            ),
            "(outbound|outgoing).{0,20}(disabled|suspended|blocked|suspension)",
            "bad outbound sender",
            "tenant (has )?exceeded threshold",
            "spam abuse detected",
            "continuous invalid license",
            "unusual sending activity",
            "suspicious account activity",
            "cxmj",
            "user account disabled",
            "(account|sender|user) .{0,20}compromised",
            "has been (banned|blocked) from sending",
            "sending privileges",
        ),
    ),
    Rule(
        kind=FailureKind.SUSPENDED,
        because="the provider has suspended our account",
        words=(
            (
                r"^([45]\.\d+\.\d+ )*(your |the )?(account|workspace|organi[sz]ation|project|team) "
                "(has been |is |was )?suspended"
            ),
        ),
        stages=frozenset({Stage.MAIL, Stage.DATA, Stage.END_DATA}),
    ),
    Rule(
        kind=FailureKind.SUSPENDED,
        because="the account that logs in is disabled",
        words=(
            (
                "(account|user|login|mailbox|domain|service|subscription|profile).{0,30}(disabled|suspended|"
                "blocked|locked(?! by your organi)|deactivated|inactive|closed|expired|terminated|not active)"
            ),
            "sender address blocked",
        ),
        stages=frozenset({Stage.AUTH}),
    ),
    Rule(
        kind=FailureKind.SUSPENDED,
        because="the sending account is banned",
        words=(
            r"access denied, banned sender(?! ?\[|.{0,5}ip)",
            "access denied, spam abuse",
        ),
        enhanced=("5.7.501", "5.7.502", "5.7.503"),
    ),
)

QUOTA = (
    Rule(
        kind=FailureKind.QUOTA,
        because="our allowance at this provider is used up",
        words=(
            "credit(s)? (exceeded|exhausted|expired|limit)",
            r"(out of|no more|insufficient|not enough|run out of|maximum) (\w+ )?credits?",
            ("(daily|monthly|24[- ]hour|per[- ]day|per[- ]month|weekly) .{0,50}(quota|limit|exceed|allowance|maximum)"),
            r"\b(quota|limit|exceeded|reached|maximum)\b.{0,40}(per|a|for the|this|in (a|one)) (day|month|24)\b",
            "quotaexceeded",
            "(exceeded|reached) your (messaging|message|sending|e?mail) limit(?!.{0,40}again soon)",
            "(sending|outgoing( e?mail)?|message|submission|send|plan|outbound|relay|subscription)s? (quota|allowance)",
            "(?<!hourly )(sending|plan) limit(?!.{0,20}hour|.{0,40}again soon)",
            r"\(daily\)",
            r"\(sandbox\)",
            "not allowed to send: recipient limit",
            "(trial|plan|free tier|subscription).{0,30}(expired|ended|over|exceeded|exhausted|limit)",
            "over (your )?plan",
            "(limite|quota) (journali|mensuel|d'envoi)",
            "tageslimit",
            "versandlimit",
            "limite (diari|de envio)",
            "payment required",
            "unpaid",
        ),
        not_at=GREETING,
    ),
    Rule(
        kind=FailureKind.QUOTA,
        because="our allowance at this provider is used up",
        words=(
            "quota.{0,20}exceed",
            "exceed.{0,30}quota",
            "over quota",
        ),
        stages=frozenset({Stage.AUTH, Stage.MAIL}),
    ),
)

RATE = (
    Rule(
        kind=FailureKind.RATE_LIMIT,
        because="we send faster than we may",
        words=(
            "throttl",
            "(hour|minute|second) limit",
            "rate[- ]?limit",
            "ratelimit",
            "slow(ing)? down",
            "again slower",
            "unexpected volume",
            "too (fast|quickly|frequent)",
            "frequency limit",
            "sending rate",
            "rate exceeded",
            (
                r"too many (\w+ ){0,3}(connections?|sessions?|messages?|mails?|e-?mails?|requests?|logins?|"
                r"auth\w*|attempts?|login attempts)(?! (from|with) spam)"
            ),
            "too many (concurrent|simultaneous)",
            "(concurrent|simultaneous) (smtp )?(connections?|sessions?).{0,40}(exceed|limit|max|reached)",
            r"too much mail\b(?! data)",
            "mail flood",
            "too many errors from your ip",
            "too many recipients (received|this|per|in the last|today)",
            "(to|too many) (too many )?recipients this hour",
            (
                "(messages?|mails?|e-?mails?|recipients?|connections?|limit)s? per[- ](second|minute|hour|"
                r"session|connection|\d)"
            ),
            r"max(imum)? (number of )?(messages?|e?mails?)( \w+)? per",
            "max messages? per connection",
            "(message|connection) (rate|threshold|count).{0,30}(exceed|limit|reach)",
            r"(hourly|per[- ]hour|this hour|relay limit|thread limit|\bpeak\b|outbound thread)",
            "(sending|send|sent|rate) limit (has been )?(exceeded|reached)",
            "max defers and failures",
            "exceeded permitted limits",
            "temporarily blocked due to repeated",
            "trop de connexions",
            "zu viele (verbindungen|nachrichten)",
            "demasiad[oa]s (conexiones|mensajes)",
            "wait to send more",
            "send again soon",
            "policy- ?sc0?1",
            "repeated bad requests",
            r"message from \(.{3,40}\) temporarily deferred",
            "hl:i[cfh]",
            "rp:(qrc|rcl|cel)",
            "muitas (conexoes|mensagens)",
            "troppe connessioni",
            "слишком (много|часто)",
            "превышен.{0,20}лимит",
            "频率",
            "发送(过快|频繁)",
        ),
    ),
)
