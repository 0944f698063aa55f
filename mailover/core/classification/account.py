"""Words that point at our side of the account: authenticity of our mail, suspension, quota, reputation, rate, login, policy.

Such failures count against the provider's breaker, but the fix is ours; the alert says so.
"""

from mailover.core.classification.rule import Rule
from mailover.core.observations import FailureKind, Stage

_LOGIN_OR_BEFORE = frozenset({Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS, Stage.AUTH})

AUTHENTICITY = (
    Rule(
        kind=FailureKind.POLICY,
        because="our mail does not prove where it comes from (SPF, DKIM, DMARC)",
        words=(
            r"\bd-?marc\b|\bdkim\b(?! domain)|domainkeys|\bmi:(spf|dmc|dkm)|(senders?|domain) (requires?|required) .{0,20}authenticat",
            r"\bspf\b(?! domain)|sender policy framework|sender id \(pra\)|purported responsible",
            r"unauthenticated (e?mail|message)|(sender|mail|message|it) is unauthenticated|required authentication level",
            r"(fails?|failed|failing) (to pass )?authentication checks|spoof|cxsndr|arc validation|passing dkim",
        ),
    ),
    Rule(
        kind=FailureKind.POLICY,
        because="the sending host's name or address record is not in order (PTR, HELO)",
        words=(
            r"\bptr\b|reverse[- ]?dns|\brdns\b|reverse (lookup|host|name)|cannot (find|resolve) your (host ?name|address|domain)",
            r"cxdns|\bib108\b|name lookup failed|dns check fail|no reverse|missing ptr|unverif(y|i)able sending",
            r"\bhelo\b.{0,40}(reject|invalid|need|required|denied|argument|domain)|bad helo|(invalid|bad|empty) (helo|ehlo)",
            r"fully[- ]qualified|helo/ehlo (argument|requires)|invalid domain name$|ipv6 sending guidelines",
        ),
        not_at=frozenset({Stage.AUTH}),
    ),
)

SUSPENDED = (
    Rule(
        kind=FailureKind.RATE_LIMIT,
        because="logins were tried too often",
        words=(r"too many .{0,20}(login|log in|auth\w*|password|attempt)s?\b",),
    ),
    Rule(
        kind=FailureKind.SUSPENDED,
        because="the provider has switched our account, domain or sending off",
        words=(
            r"sending (has been |is |was |from this domain is |for this account )?(paused|suspended|disabled|blocked|halted|stopped)",
            r"(sending )?(paused|suspended|disabled|halted|blocked) for (this|your) (account|domain)",
            r"\byour (?!message|e?mail|letter)(\S+ ){0,2}(account|domain|subaccount|server|workspace|user) .{0,40}?(suspend|disabled|deactivat|paused|blocked"
            r"|terminated|not (yet )?activ|inactive|locked|closed|on hold|at risk|under review|not enabled|banned)",
            r"(not allowed to send|sending disabled|unable to send).{0,30}(account (is )?(disabled|terminated|suspended|closed)"
            r"|activate|business verification|under review)",
            r"(smtp|sending|sender('s)?) (account|subaccount|service|domain) (is |has been |was )?(not (yet )?activated|suspended|on hold)",
            r"outbound.{0,20}(disabled|suspended|blocked)|bad outbound sender|(account )?outbounds disabled|outgoing mail suspension",
            r"tenant (has )?exceeded threshold|spam abuse detected|continuous invalid license|mail sending denied",
            r"unusual sending activity|suspicious account activity|cxmj|user account disabled",
            r"(account|sender|user) .{0,20}compromised|has been (banned|blocked) from sending|sending privileges",
        ),
        not_at=frozenset({Stage.RCPT}),
    ),
    Rule(
        kind=FailureKind.SUSPENDED,
        because="the provider has switched our account, domain or sending off",
        words=(
            r"sending (paused|suspended|disabled)|your (sending )?account .{0,30}(suspend|disabled|deactivat|blocked)|sender .{0,12}suspended",
            r"bad outbound sender|unusual sending activity|tenant (has )?exceeded",
        ),
    ),
    Rule(
        kind=FailureKind.SUSPENDED,
        because="the account that logs in is disabled",
        words=(
            r"(account|user|login|mailbox|domain|service|subscription|profile).{0,30}(disabled|suspended|blocked|locked|deactivated|"
            r"inactive|closed|expired|terminated|not active)|sender address blocked",
        ),
        stages=frozenset({Stage.AUTH}),
    ),
    Rule(
        kind=FailureKind.SUSPENDED,
        because="the sending account is banned",
        words=(r"access denied, banned sender(?! ?\[|.{0,5}ip)|access denied, spam abuse",),
        enhanced=("5.7.501", "5.7.502", "5.7.503"),
    ),
)

QUOTA = (
    Rule(
        kind=FailureKind.QUOTA,
        because="our allowance at this provider is used up",
        words=(
            r"credit(s)? (exceeded|exhausted|expired|limit)|(out of|no more|insufficient|not enough|run out of|maximum) (\w+ )?credits?",
            r"(daily|monthly|24[- ]hour|per[- ]day|per[- ]month|weekly) .{0,50}(quota|limit|exceed|allowance|maximum)",
            r"\b(quota|limit|exceeded|reached|maximum)\b.{0,40}(per|a|for the|this|in (a|one)) (day|month|24)\b",
            r"(sending|message|submission|send|plan|outbound|relay|subscription)s? (quota|allowance)",
            r"(sending|plan) limit(?!.{0,20}hour)|\(daily\)|\(sandbox\)|recipient limit exceeded$|recipient limit exceeded\.?$",
            r"(trial|plan|free tier|subscription).{0,30}(expired|ended|over|exceeded|exhausted|limit)|over (your )?plan",
            r"(limite|quota) (journali|mensuel|d'envoi)|tageslimit|versandlimit|limite (diari|de envio)|payment required|unpaid",
        ),
        not_at=frozenset({Stage.CONNECT, Stage.BANNER}),
    ),
    Rule(
        kind=FailureKind.QUOTA,
        because="our allowance at this provider is used up",
        words=(r"quota.{0,20}exceed|exceed.{0,30}quota|over quota",),
        stages=frozenset({Stage.AUTH, Stage.MAIL}),
    ),
)

REPUTATION = (
    Rule(
        kind=FailureKind.POLICY,
        because="we send from a domain that the provider does not know as ours",
        words=(r"from (unregistered|unprovisioned|unverified) domains?",),
    ),
    Rule(
        kind=FailureKind.REPUTATION,
        because="the address or domain that the mail comes from has a bad name",
        words=(
            r"\b(dns|rh?s?|r)bl\b|dnsbl|spamhaus|spamcop|\bsorbs\b|barracudacentral|abuseat|abusix|uceprotect|cloudmark|senderscore"
            r"|invaluement|mailspike|\bpsbl\b|\bcsi\b|attrbl|return path|talosintelligence|senderbase",
            r"(black|block|deny|reject)[- ]?(ed )?list(?!ed url)|black ?listed|blocklisted|\[bl\d|\[tss\d|\bcxbl\b|\bcdrbl\b|\bipbl\d",
            r"reputation|user complaints|spam complaints|unusual rate of|unusual amount of unsolicited|sender ?base",
            r"banned send(er|ing)|traffic not accepted from this ip|(your|this|the|sending|client|source)('s)? "
            r"(ip|ip address|host|network|server|mail server|domain)s? .{0,40}(blocked|banned|black|listed|poor|refused for abuse)",
            r"\b(ip|ip address|client|client host|host)s?\b .{0,50}(blocked|banned)|blocked (for|due to) (abuse|spam(?! content))",
            r"client host rejected|denyip|\brtr:|black ip\b|not allowed to connect",
            r"too (many|much) spams?|spam(s|ming)? (issues|from your|source|incident)|incident de spam|ip source bloque|abus detecte",
            r"\b(ip|adresse)\b.{0,30}(bloquee|gesperrt|bloqueada|bloccato)|заблокирован|в черном списке|黑名单|\bspam ip\b|ブラックリスト",
            r"hl:rep|dynamic (ip|address)|open (proxy|relay) (list|detected)|known spammer|spam ?source|comcast block for spam|tosa@",
            r"(will be|been) permanently deferred|temporarily blacklisted|bulk senders? guidelines|low volume of good",
            r"too many (invalid|bad|unknown) (recipients|users|addresses|commands)",
        ),
    ),
    Rule(
        kind=FailureKind.REPUTATION,
        because="the receiving side suspects the address that the mail comes from",
        words=(r"access denied, please try again later",),
    ),
)

RATE = (
    Rule(
        kind=FailureKind.RATE_LIMIT,
        because="we send faster than we may",
        words=(
            r"throttl|rate[- ]?limit|ratelimit|slow(ing)? down|too (fast|quickly|frequent)|frequency limit|sending rate|rate exceeded",
            r"too many (\w+ ){0,3}(connections?|sessions?|messages?|mails?|e-?mails?|requests?|logins?|auth\w*|attempts?|login attempts)"
            r"(?! (from|with) spam)",
            r"too many (concurrent|simultaneous)|(concurrent|simultaneous) (smtp )?(connections?|sessions?).{0,40}(exceed|limit|max|reached)",
            r"too much mail\b(?! data)|too many errors from your ip|too many recipients (received|this|per|in the last|today)|(to|too many) (too many )?recipients this hour",
            r"(messages?|mails?|e-?mails?|recipients?|connections?|limit)s? per[- ](second|minute|hour|session|connection|\d)",
            r"max(imum)? (number of )?(messages?|e?mails?)( \w+)? per|max messages? per connection|(message|connection) (rate|threshold|count)"
            r".{0,30}(exceed|limit|reach)",
            r"(hourly|per[- ]hour|this hour|relay limit|thread limit|\bpeak\b|outbound thread)",
            r"(sending|send|sent|rate) limit (has been )?(exceeded|reached)|max defers and failures|exceeded permitted limits",
            r"temporarily blocked due to repeated|trop de connexions|zu viele (verbindungen|nachrichten)|demasiad[oa]s (conexiones|mensajes)",
            r"wait to send more|policy- ?sc0?1|repeated bad requests|message from \(.{3,40}\) temporarily deferred|hl:i[cfh]|rp:(qrc|rcl|cel)",
            r"muitas (conexoes|mensagens)|troppe connessioni|слишком (много|часто)|превышен.{0,20}лимит|频率|发送(过快|频繁)",
        ),
    ),
)

LOGIN = (
    Rule(
        kind=FailureKind.POLICY,
        because="we may not send from this address",
        words=(r"(from|sender) (address )?.{0,40}not authori[sz]ed",),
    ),
    Rule(
        kind=FailureKind.TRANSIENT,
        because="the provider cannot check logins at the moment",
        words=(
            r"temporary (authentication|auth|login) (failure|error|problem)|cannot authenticate due to (a )?temporary",
            r"(connection lost to|unable to reach|cannot contact) (the )?authentication|authentication (server|service|backend) "
            r".{0,20}(unavailable|down|timeout|timed out|unreachable)|authentication temporarily|try to (log ?in|authenticate) again later",
        ),
    ),
    Rule(
        kind=FailureKind.TLS,
        because="the connection must be encrypted first, or could not be",
        words=(
            r"(must|need to|should) (first )?issue a? ?starttls|starttls (command )?(first|is required|required|not (available|supported))",
            r"encryption (needed|required)|requires (encryption|tls|ssl|a secure|high-strength)|(tls|ssl)( encryption| connection)? "
            r"(is )?(required|not available|unavailable|negotiation fail|handshake)|must use (tls|ssl)|secure connection required",
            r"tls (version )?(1\.\d )?(or|too old)|use tls/ssl|could not (start|negotiate) tls|starttls may not",
        ),
        not_at=frozenset({Stage.RCPT}),
    ),
    Rule(
        kind=FailureKind.AUTH,
        because="the login is missing, wrong or not allowed",
        words=(
            r"authenti[cz]ation (is )?(required|failed|failure|unsuccessful|unauthori[sz]ed|rejected|denied|credentials|data|error|invalid"
            r"|not (enabled|allowed|supported|available)|disabled|mechanism|exchange|type|aborted|expired|needed)",
            r"(incorrect|invalid|bad|wrong|unknown) .{0,30}(login|password|user ?name|passcode|api[- ]?key|token|authentication|auth\b)",
            r"(login|password|user ?name|credentials|api[- ]?key|token).{0,40}(invalid|incorrect|wrong|fail|not accepted|not match|rejected"
            r"|denied|expired|revoked|required|missing|disabled|transition)|credentials (invalid|were)|bad credentials",
            r"(please|must|need to|have to|should|to) (first )?(authenticate|log ?in|sign ?in)|not authenticated|unauthenticated sender",
            r"unauthenticated (users?|relay|connection|commands)|proper authentication|without authentication|smtp auth(?! extension not)",
            r"log ?in (with|via|through|failed)|sign[- ]?on failed|sign ?in (with|failed)|auth(entication)? (not|command|failed|type|mechanism)",
            r"cannot decode|application[- ]specific|application password|password|turn on smtp|unrecognized authentication",
            r"authorization (failed|required|grant)|authorisation|no smtp access|not subscribed to ses|user unknown or password|clientauth",
            r"authentification (requise|echou|incorrect|invalide)|code d'authentification|mot de passe|passwort|kennwort|anmeldung fehl",
            r"contrasena|senha (in|errad)|autenticaci?o|autenticac(ion|ao)|неверный (логин|пароль)|парол|авториза|аутентифи|认证失败|密码|認証",
            r"access rights to this service|not enabled for smtp|user is not allowed to (log|authenticate)",
        ),
        not_at=frozenset({Stage.BANNER, Stage.CONNECT}),
    ),
)

POLICY = (
    Rule(
        kind=FailureKind.POLICY,
        because="the provider does not let us send from this address or to strangers",
        words=(
            r"rela(y|ying|yed?)\b.{0,30}(denied|not (permitted|allowed)|disallowed|prohibited|forbidden|refused|rejected|access)"
            r"|(unable|not (allowed|permitted|authori[sz]ed)|cannot|refus\w+|no permission|permission) to relay|as a relay|relay not|open relay",
            r"(denied|credentials for|not permitted to|we do not|attempt to|unauthori[sz]ed|no|disallowed) relay|relaying (denied|disallowed)|denies relay|not a gateway",
            r"(isn't|not) in my list of allowed rcpthosts|tenantattribution|insecure mail relay|this route requires",
            r"(not|isn't|is not|aren't|un)( been| yet| a)? ?(verified|confirmed|configured|authori[sz]ed|registered|validated|approved|allowed)"
            r".{0,60}(identit|send(ing|er|)\b|domain|from|signature|address|relay|\bip\b)",
            r"\b(identit(y|ies)|sender|domain|from|signature|address|ip( address)?|shared)\b.{0,60}(not|isn't|in|un)( been| yet| a)? ?"
            r"(verified|confirmed|configured|authori[sz]ed|registered|validated|approved|allowed|valid\b|owned|match|a sender)",
            r"(unconfigured|unverified|unregistered|unauthori[sz]ed|unprovisioned|unconfirmed) (sending |from |sender )?(domain|address|ip|sender|host)",
            r"not owned by|sendasdenied|send as|permissions? to send|send on behalf|restricted to sending|pending approval|sandbox",
            r"is not authori[sz]ed|not authori[sz]ed to|not allowed to send|not permitted to send|test purposes only|activate your",
            r"sender verif|verify (callout|sender|mail ?from)|mismatche[sd]|(is|sender) unvalidated|denies the sender|sender .{0,20}not in |sender (address )?(was |is )?(rejected|refused|denied|blocked|invalid|unknown|not accepted)",
            r"(domain of )?sender (address )?(@ )?.{0,60}(does not (exist|resolve)|not exist|domain not found|could not|null mx)|sender domain",
            r"(invalid|unknown|unroutable|bad|illegal|unresolvable|blank|empty|null) .{0,12}(sender|from|return|rfc\.?5321|envelope)",
            r"from:? .{0,30}(domain|address).{0,20}(is )?(invalid|not)|sender .{0,80}not a valid|sender policy|emetteur invalide|expediteur",
            r"absender.{0,30}(ungultig|abgelehnt|nicht)|remitente|remetente|mittente|отправител.{0,30}(не|отверг|запрещ)|发件人",
            r"ip address is not allowed|unauthori[sz]ed ip|from a different address|domain may not exist|mail ?from (is |was )?(not|reject|invalid)",
        ),
        not_at=frozenset({Stage.AUTH}),
    ),
    Rule(
        kind=FailureKind.POLICY,
        because="the provider lets only known addresses of ours log in",
        words=(r"unauthori[sz]ed ip|ip address (is )?not (allowed|authori[sz]ed|whitelisted)|ip restriction",),
        stages=_LOGIN_OR_BEFORE,
    ),
)
