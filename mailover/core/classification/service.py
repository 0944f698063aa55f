"""What is said of the provider's own state: passing trouble, no service at all, a dialogue out of step."""

from mailover.core.classification.rule import GREETING, Rule
from mailover.core.observations import FailureKind, Stage

NOT_TEMPORARY = tuple("012356789")
"""First digits of all codes that do not promise a better time."""

NO_SERVICE = (
    Rule(
        kind=FailureKind.CONNECTION,
        because="the host answers but takes no mail",
        words=(
            "(service|esmtp) not available",
            "no smtp service",
            "not accepting connections",
            "does not accept mail",
            "no mail (service|accepted)",
            "host .{0,30}not accept(ing)? mail",
        ),
        stages=GREETING,
        codes=("5",),
    ),
    Rule(
        kind=FailureKind.TRANSIENT,
        because="the provider asks us to come back later",
        words=("(try|retry|come back|essayer|reessayer) .{0,20}(later|plus tard)",),
        stages=GREETING | {Stage.EHLO, Stage.MAIL},
        codes=("5",),
    ),
)

SERVICE = (
    Rule(
        kind=FailureKind.PROTOCOL,
        because="the two sides of the dialogue are out of step",
        words=("smtp protocol violation", "^mail from/rcpt to parameters"),
    ),
    Rule(
        kind=FailureKind.TRANSIENT,
        because="the provider has passing trouble of its own",
        words=(
            (
                r"temporar(y|ily) (\w+ ){0,3}(problem|failure|error|unavailable|rejected|lookup|deferred|"
                "not available|local|system|server|fault)"
            ),
            "(try|come back|retry|attempt|again) .{0,30}later",
            "try(ing)? again",
            r"later\.?$",
            "(server|system|service|agent|host|too) busy",
            (
                "(service|server|system|resources?) (is |are |currently |temporarily |not )*(unavailable|"
                "not available|closing|down|active|overloaded)"
            ),
            "insufficient (system )?(storage|resources?|disk|memory)",
            "out of (memory|disk)",
            "disk full",
            "queue file",
            "local error",
            "local problem",
            "server (configuration|internal) (problem|error)",
            "internal (server )?error",
            "system error",
            "resources? temporarily",
            "timeout",
            "timed out",
            "connection expired",
            "connection dropped",
            "lost connection",
            "closing (the )?(connection|transmission)",
            "shutting down",
            "too many errors",
            "unable to (process|accommodate)",
            "not accepting network",
            "maintenance",
            "veuillez (essayer|reessayer) plus tard",
            "spater (noch ?einmal|erneut)",
            "mas tarde",
            "mais tarde",
            "piu tardi",
            "попробуйте позже",
            "позднее",
            "稍后",
            "しばらく",
            "plus tard",
            "message failed to be replicated",
            "lookup (failure|error)",
            "greeting delay",
            "message delayed",
            "temporarily",
        ),
        codes=("4",),
    ),
    Rule(
        kind=FailureKind.PROTOCOL,
        because="the two sides of the dialogue are out of step",
        words=(
            "command (not )?(unrecogni[sz]ed|unknown|implemented|recogni[sz]ed)",
            "(un(recogni[sz]ed|known|implemented)|bad|invalid) command",
            "bad sequence",
            "out of (sequence|order)",
            "(mail|rcpt|helo|ehlo|data|hello)( command)? first",
            "(send|need) (hello|mail|rcpt)",
            "no identity changes",
            "data before greeting",
            "no data after",
            "pipelin",
            "nested mail",
            "sender already",
            "already specified",
            "^http/",
            r"^ssh-\d",
            "^<(html|!doctype)",
        ),
        not_at=frozenset({Stage.STARTTLS, Stage.AUTH}),
        codes=NOT_TEMPORARY,
    ),
    Rule(
        kind=FailureKind.PROTOCOL,
        because="the two sides of the dialogue are out of step",
        words=(
            "syntax error",
            "not implemented",
            "parameters? not (recogni[sz]ed|implemented)",
            "protocol (error|violation)",
            "line too long",
            "invalid (parameter|argument)",
        ),
        # From RCPT on, and in a bounce, such words are said of one address or one message.
        not_at=frozenset({Stage.STARTTLS, Stage.AUTH, Stage.RCPT, Stage.DATA, Stage.END_DATA, None}),
        codes=NOT_TEMPORARY,
    ),
)
