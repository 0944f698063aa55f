"""Words that blame nobody: greylisting, one recipient's mailbox or wishes, one message's content.

Never a row here for anything that speaks of our account, our address or the provider's own state.
"""

from mailover.core.classification.rule import Rule
from mailover.core.observations import FailureKind, Stage

BEFORE_RCPT = frozenset(
    {Stage.RESOLVE, Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS, Stage.AUTH, Stage.MAIL}
)
"""Stages at which nothing is known of recipients or content yet."""

GREYLIST = (
    Rule(
        kind=FailureKind.GREYLIST,
        because="the recipient's server makes strangers wait once before it takes their mail",
        words=(
            r"gr[ea]y[- ]?list",
            r"postgrey|milter-greylist|sqlgrey",
            r"list[ea] (de )?gris|lista (cinza|grigia)|grau(e|er)? liste",  # French, Spanish, Portuguese, Italian, German
            r"серы[ий] список|серого списка|灰名单|灰色名单|グレイリスト|グレーリスト",
            r"please try again in \d+ (seconds|minutes)",
            r"(first|initial) (attempt|contact).{0,40}(retry|try again|later)",
        ),
        codes=("4",),
    ),
)

RECIPIENT_WISHES = (
    Rule(
        kind=FailureKind.MESSAGE,
        because="this message has too many recipients at once",
        words=(
            r"too many recipients?(?! (received|this hour|per |in the last|today))|multiple destination domains|domain policy size",
        ),
        not_at=frozenset({Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS, Stage.AUTH}),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="none of the recipients is valid",
        words=(r"(all|no) (the )?(valid )?recipients? (are |were )?(invalid|rejected|unknown|refused)|no valid recipients",),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="this recipient takes mail from chosen senders only",
        words=(
            r"resolver\.rst\.|not in (the )?allowed-senders",
            r"sender (was |is )?not ?authenticated (for|by) |delivery restriction check failed",
            r"sendernotauthenticatedfor|members?-only|non-member|closed mailing list|not subscribed to this group",
            r"(restricted|only accept\w*|accepts?) (mail |messages )?(only )?from (specific|internal|authori[sz]ed|known)",
            r"ip not in whitelist for rcpt",
            r"(policy )?rejection on the target address|rejected by recipients?\b|blocked by the recipient\b(?!.{0,20}(ip|dns))",
            r"recipient (preferences|id refuse)|user refuse[sd]|refuse[sd]? to receive|user rules|user reject",
            r"envelope blocked|manually blocked senders|header[- ]based blocked senders|blocked senders? policy",
            r"\bblock-(send-er|sender|rcpt)\b|mailing list expansion prohibited",
            r"does not accept email over ipv6",
        ),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="this recipient receives too much mail at the moment",
        words=(
            r"(recipient|mail ?box|user you)\b.{0,40}(daily|hourly|receiv\w+) .{0,20}limit|for exceeding receiving|too much mail data",
            r"user has too many messages",
            r"(is|are) receiving (e?mail|messages) (too quickly|at a rate)",
            r"recipient('s)? (has )?(exceeded|per hour)|recipient thread limit|recipients? is over.{0,20}rate",
            r"messages? to @ (are |were |was )?(temporarily )?deferred due to excessive volume",
            r"organi[sz]ation queue quota",
        ),
    ),
)

MAILBOX = (
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's mailbox is full",
        words=(
            r"(mail ?box|inbox|mailfolder|maildir|mail ?drop|account|user|recipient|boite?|mailbox for user)"
            r"('s)? .{0,40}(is |are )?(almost )?(full|out of storage|over ?(the )?quota|exceeded|size limit)",
            r"(mail ?box|user|account|disk|storage|extended|recipient) ?(quota|size|storage)( limit)? ?(violation|exceeded)?",
            r"over ?quota|exceeded storage allocation|out of storage|insufficient (disk )?(space|quota) (for|in) (user|mailbox)",
            r"boite.{0,30}pleine|postfach.{0,20}(voll|uberfullt)|speicherplatz|buzon.{0,20}lleno|casella.{0,20}piena",
            r"caixa (postal|de (correio|entrada)).{0,20}cheia|ящик.{0,20}переполнен|邮箱(已满|空间不足)|メールボックス.{0,20}(一杯|いっぱい)",
        ),
        not_at=frozenset({Stage.AUTH}),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's mailbox is full",
        words=(r"quota (exceeded|violation)|(exceeds|exceeded) .{0,20}quota",),
        stages=frozenset({Stage.RCPT}),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's server or mailbox cannot take mail now",
        words=(
            r"destination mail server|certificate-host-mismatch|suspiciousremoteservererror",
            r"connection refused \[message|socket error code",
            r"(recipient|mail ?box) (is )?(temporarily|currently) (unavailable|disabled|suspended|locked)",
            r"(message|delivery time|queue) expired|in the queue too long|(account )?inbounds disabled",
            r"licen[sc]e expired",
            r"recipient deferred because there is no mdb|temporary domain failure",
        ),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's address is closed or no longer in use",
        words=(
            r"(mail ?box|recipient|user|addressee|account that you tried to reach|recipient account|e?mail account)"
            r".{0,30}(disabled|inactive|deactivated|suspended|archived|discontinued|blocked|locked|closed|no longer|bloque)",
            r"(inactive|archived|deactivated|disabled|abandoned|banned|marked as inactive) "
            r"(e?mail ?|mailbox |recipient|user|address)",
            r"(is )?no longer (valid|available|on server|active|in use|accepts|at this)|has moved|have been marked as inactive",
            r"suppression list|(is|are|been) suppressed|unsubscribed|spam reporting address",
            r"mailbox owner has changed|domain owner has changed|account blocked.{0,20}recipient",
            r"boite.{0,20}desactivee|destinataire.{0,20}(bloque|archive)",
        ),
        not_at=frozenset({Stage.AUTH}),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's address does not exist",
        words=(
            r"(no|not|any) such (a )?(user|person|recipient|mail ?box|address|account|alias|domain|local)",
            r"(user|recipient|addressee|mail ?box|account|address|alias|rcpt|local[- ]part|mailhost)"
            r"('s)?( name| address)?,? ?(<?@>?,? ?|is |was |\(.{0,60}\) |\[.{0,60}\] )?"
            r"(unknown|not (be )?(found|known|exist|valid|ok|a known|local|present|recogni|our|listed)|unallocated|invalid)",
            r"(unknown|invalid|bad|illegal|nonexist[ae]nt|non-existent|incorrect|not a valid|no valid|nosuch|unrouteable|"
            r"unroutable|undeliverable|unverified|blank|misspelled) (or \w+ )?(virtual )?"
            r"(user|recipient|mail ?box|e-?mail ?(address)?|alias|local[- ]part|address|account|destination|rcpt|mailhost)s?\b",
            r"does(n't| not) (exist|have an? .{0,40}account)",
            r"user ?unknown|usernotfound|recip(ient)?notfound|not found by smtp|nullmx|null mx|\bno-domain\b|invalid-recipient",
            r"not in recipient list|not our customer|marked as invalid|not (a )?valid (e?mail )?(address|user|mailbox|recipient)",
            r"mail ?box (name )?(unavailable|not (found|allowed|present|available))|mail ?box .{0,20}does not",
            r"(user )?not local|no (mailbox|one|account|user) (here|at this|found|by that)|user doesn't|not a local address",
            r"recipient address rejected(?!.{0,60}(spf|limit|quota|rate|throttl|relay|authenti|sender|greylist))",
            r"(recipient|rcpt)s? (address )?(@ )?(was |is |were )?(rejected|refused|not accepted|reserved)",
            r"recipient address .{0,80}not a valid rfc|address verification|badrcptto|no valid recipients",
            r"(find|resolve|route to) the recipient domain|(recipient|destination) (domain|system).{0,30}(exist|unknown|bad|invalid)",
            r"bad destination|dns domain .{0,80}does not exist|host (or domain name )?not found|domain not found(?<!sender)",
            r"unable to route|no route to (the )?(recipient|destination)|loops? back to myself",
            r"mail ?box unavailable|invalid mailbox|unavailable or access deni",
            r"moved permanently|user has moved|invalid address|bad address syntax|syntax error in mailbox address",
        ),
        not_at=frozenset({Stage.AUTH, Stage.MAIL}),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's address does not exist",
        words=(
            r"destinataire.{0,20}(invalide|inconnu|inexist)|(utilisateur|adresse|compte) .{0,20}(inconnu|inexist)",
            r"(empfanger|benutzer|adressat|postfach|adresse).{0,30}(unbekannt|existiert nicht|nicht (gefunden|verfugbar|vorhanden))",
            r"(usuario|destinatario|utente|cuenta|conta|casella|buzon).{0,30}(desconocid|desconhecid|sconosciut|inesistent|inexist"
            r"|no existe|nao existe|non esiste|non trovat)|no existe (dicha persona|ese usuario)",
            r"(пользователь|адресат|получатель|ящик).{0,20}не (найден|существует)|нет такого (пользователя|адреса|ящика)",
            r"(用户|收件人|邮箱|帐号|账号|地址).{0,6}(不存在|不可用|无效)|(宛先|ユーザー?|メールアドレス).{0,8}(存在しません|不明|見つかりません)",
        ),
    ),
)

CONTENT = (
    Rule(
        kind=FailureKind.MESSAGE,
        because="this message is too big, or has too many recipients or parts",
        words=(
            r"too many (attachments|headers|mime|received|hops)",
            r"recipients? limit (is|of|per message)|maximum number of recipients",
            r"(message|mail|header|attachment|data|size|email)s? .{0,60}(too (big|large|long)|exceed(s|ed)?.{0,60}"
            r"(size|limits?( of)?|maximum|fixed|databytes)|is too (big|large|long))",
            r"(message|email|mail) size exceed|maximum (email|message) size|message length exceed|exceed(s|ed)? .{0,40}size",
            r"taille limite|zu gross|demasiado grande|muito grande|troppo grande",
            r"(mail|message) loop|routing loop|hop count|exceeded \d+ hops|too many hops|looping|same message-id",
        ),
        not_at=frozenset({Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS, Stage.AUTH}),
    ),
    Rule(
        kind=FailureKind.MESSAGE,
        because="what this message carries was refused",
        words=(
            r"(url|link|uri|hyperlink)s? (in|within|found|is|are|was|listed)|spam url|urlbl|uribl|surbl|dt:spm",
            r"(virus|malware|infected|eicar|phish|trojan|worm)\b",
            r"(attachment|file type|extension).{0,40}(not allowed|blocked|forbidden|prohibited|illegal|banned)|illegal attachment",
            r"(banned|unacceptable|objectionable|forbidden) content|content (reject|denied|filter|exam|not|judged|presents|restric)",
            r"due to (the nature of the |its )?content|its content|because of (unacceptable )?content|content.{0,20}spam",
            r"(likely|appears to be|considered|looks? like|suspected|probabl[ey]|classified as|identified as|detected as|flagged as|"
            r"suspicion of|marked as|rejected as|scored as|judged to be|as being) .{0,20}(spam|unsolicited|junk|bulk)",
            r"spam (message|content|detect|score|mail|e?mail|reject|check|filter|refused|blocked|found|not accepted)",
            r"e?mail rejete|message rejete|mensaje rechazado por spam|als spam|comme (du )?spam|спам|垃圾邮件|迷惑メール",
            r"message (filtered|content)|blocked by (spam|content)|recurrent pattern|spamassassin|security polic|bulk advertis",
        ),
    ),
    Rule(
        kind=FailureKind.MESSAGE,
        because="this message breaks a rule of the receiving side",
        words=(
            r"rfc ?-?(2822|5322|822)|not rfc[ -]compliant|(missing|duplicate|invalid|malformed|empty|bad) .{0,30}header",
            r"header error|header.{0,20}(not accepted|limit|too)|disallowed header|encoded-word|malformed|bare (lf|cr|line ?feed)",
            r"from: header|subject is mandatory|message-id|(missing|invalid|no) (date|from|subject)\b|invalid characters|poison message",
            r"(message|mail|e?mail|envelope) (was |is |has been )?(not (accepted|allowed)|rejected|refused|blocked|bounced).{0,30}"
            r"(polic(y|ies)|rule)",
            r"not accepted for policy reasons|has a policy that prohibited|policy violation|rejected by organi[sz]ation policy",
            r"(message|mail) not allowed|mailpolicy violation|delivery not authorized, message refused|transport\.rules",
            r"reject due to policy|due to (local )?policy|requested action aborted \[|media not supported|conversion",
            r"message integrity|(missing final|expected ':'|illegal (address|semicolon)|unbalanced|domain (starts|contains|ends))",
            r"transaction failed: |message (was )?refused|message rejected\.?$|journal",
        ),
        not_at=BEFORE_RCPT,
    ),
)
