"""Words that point at the provider's own state: passing trouble, a service that is not there, a dialogue out of step."""

from mailover.core.classification.rule import Rule
from mailover.core.observations import FailureKind, Stage

_GREETING = frozenset({Stage.CONNECT, Stage.BANNER})

NO_SERVICE = (
    Rule(
        kind=FailureKind.CONNECTION,
        because="the host answers but takes no mail",
        words=(
            r"(service|esmtp) not available|no smtp service|not accepting connections|does not accept mail|no mail (service|accepted)",
            r"host .{0,30}not accept(ing)? mail",
        ),
        stages=_GREETING,
        codes=("5",),
    ),
)

SERVICE = (
    Rule(
        kind=FailureKind.TRANSIENT,
        because="the provider has passing trouble of its own",
        words=(
            r"temporar(y|ily) (\w+ ){0,3}(problem|failure|error|unavailable|rejected|lookup|deferred|not available|local|system|server|fault)",
            r"(try|come back|retry|attempt|again) .{0,30}later|try(ing)? again|later\.?$|(server|system|service|agent|host|too) busy",
            r"(service|server|system|resources?) (is |are |currently |temporarily |not )*(unavailable|not available|closing|down|active|overloaded)",
            r"insufficient (system )?(storage|resources?|disk|memory)|out of (memory|disk)|disk full|queue file|local error|local problem",
            r"server (configuration|internal) (problem|error)|internal (server )?error|system error|resources? temporarily",
            r"timeout|timed out|connection expired|connection dropped|lost connection|closing (the )?(connection|transmission)|shutting down",
            r"too many errors|unable to (process|accommodate)|not accepting network|maintenance|veuillez (essayer|reessayer) plus tard",
            r"spater (noch ?einmal|erneut)|mas tarde|mais tarde|piu tardi|попробуйте позже|позднее|稍后|しばらく|plus tard",
            r"message failed to be replicated|lookup (failure|error)|greeting delay|message delayed|temporarily",
        ),
        codes=("4",),
    ),
    Rule(
        kind=FailureKind.PROTOCOL,
        because="the two sides of the dialogue are out of step",
        words=(
            r"syntax error|command (not )?(unrecogni[sz]ed|unknown|implemented|recogni[sz]ed|rejected)|(un(recogni[sz]ed|known|implemented)|bad|"
            r"invalid) command|not implemented|bad sequence|out of (sequence|order)|(mail|rcpt|helo|ehlo|data|hello)( command)? first",
            r"parameters? not (recogni[sz]ed|implemented)|protocol (error|violation)|no identity changes|(send|need) (hello|mail|rcpt)",
            r"pipelin|data before greeting|no data after|line too long|invalid (parameter|argument)|nested mail|sender already|already specified",
            r"^http/|^ssh-\d|^<(html|!doctype)",
        ),
        codes=("5", "0", "1", "2", "3", "6", "7", "8", "9"),
        not_at=frozenset({Stage.RCPT, Stage.END_DATA, Stage.AUTH}),
    ),
)
