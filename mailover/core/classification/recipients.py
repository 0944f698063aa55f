"""What is said of one recipient: a wish about senders, a full, closed or unknown mailbox. It blames nobody.

Never a row here for words that may as well speak of our own account or address.
"""

from mailover.core.classification.rule import UP_TO_MAIL, Rule
from mailover.core.observations import FailureKind, Stage

RECIPIENT_WISHES = (
    Rule(
        kind=FailureKind.RECIPIENT,
        because="none of the recipients is valid",
        words=(
            "(all|no) (the )?(valid )?recipients? (are |were )?(invalid|rejected|unknown|refused)",
            "no valid recipients",
        ),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="this recipient takes mail from chosen senders only",
        words=(
            r"resolver\.rst\.(?!recipsizelimit)",
            "tenant allow.{0,3}block list",
            "blocked by your organi[sz]ation",
            "not in (the )?allowed-senders",
            "sender (was |is )?not ?authenticated (for|by) ",
            "delivery restriction check failed",
            "sendernotauthenticatedfor",
            "members?-only",
            "non-member",
            "closed mailing list",
            "not subscribed to this group",
            (
                r"(restricted|only accept\w*|accepts?) (mail |messages )?(only )?from (specific|internal|"
                "authori[sz]ed|known)"
            ),
            "ip not in whitelist for rcpt",
            "(policy )?rejection on the target address",
            r"rejected by recipients?\b",
            r"blocked by the recipient\b(?!.{0,20}(ip|dns))",
            "recipient (preferences|id refuse)",
            "user refuse[sd]",
            "refuse[sd]? to receive",
            "(user|mailbox) rules",
            "user reject",
            "envelope blocked",
            "manually blocked senders",
            "header[- ]based blocked senders",
            "blocked senders? policy",
            r"\bblock-(send-er|sender|rcpt)\b",
            "mailing list expansion prohibited",
            "not allowed to post",
            "not member article",
            "has restricted",
            "not accepting any mail",
            "account is protected by",
            "does not accept email over ipv6",
        ),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="this recipient takes mail from chosen senders only",
        words=("sender (was |is )?not ?authenticated",),
        enhanced=("5.7.12", "5.7.13", *(f"5.7.{detail}" for detail in range(129, 137))),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="this recipient receives too much mail at the moment",
        words=(
            r"(recipient|mail ?box|user you)\b.{0,40}(daily|hourly|receiv\w+) .{0,20}limit",
            "for exceeding receiving",
            "too much mail data",
            "user has too many messages",
            "mail ?box.{0,20} exceeds",
            "(address|mailbox|user) is not allowed to receive",
            "(is|are) receiving (e?mail|messages) (too quickly|at a rate)",
            "recipient('s)? (has )?(exceeded|per hour)",
            "recipient thread limit",
            "recipients? is over.{0,20}rate",
            "messages? to @ (are |were |was )?(temporarily )?deferred due to excessive volume",
            "organi[sz]ation queue quota",
        ),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's mailbox could not be written to",
        words=(r"storedrv\.deliver\b",),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the provider no longer sends to this address",
        words=("message rejected: address blacklisted",),
    ),
)

MAILBOX = (
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's address does not exist",
        words=(
            "recipient address rejected: (access denied|user unknown|invalid|undeliverable|no-domain|not in)",
            "(invalid|unknown) recipient",
            "recipient (address )?not found",
        ),
        not_at=frozenset({Stage.AUTH}),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's mailbox is full",
        words=(
            (
                "(mail ?box|inbox|mailfolder|maildir|mail ?drop|account|user|recipient|boite?|"
                "mailbox for user)('s)? .{0,40}(is |are )?(almost )?(full|out of storage|over ?(the )?quota|"
                "exceeded|size limit)"
            ),
            (
                "(mail ?box|user|account|disk|storage|extended|recipient) ?(quota|size|"
                "storage)( limit)? ?(violation|exceeded)?"
            ),
            "over ?quota",
            "over the allowed quota",
            "exceeding (its|their) .{0,10}quota",
            "disc quota",
            "quota violation",
            "full mailbox",
            "space has been used up",
            "not (have )?enough (storage |disk )?space",
            "exceeded storage allocation",
            "out of storage",
            "insufficient (disk )?(space|quota) (for|in) (user|mailbox)",
            "boite.{0,30}pleine",
            "postfach.{0,20}(voll|uberfullt)",
            "speicherplatz",
            "buzon.{0,20}lleno",
            "casella.{0,20}piena",
            "caixa (postal|de (correio|entrada)).{0,20}cheia",
            "ящик.{0,20}переполнен",
            "邮箱(已满|空间不足)",
            "メールボックス.{0,20}(一杯|いっぱい)",
        ),
        not_at=frozenset({Stage.AUTH}),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's mailbox is full",
        words=(
            "quota exceeded",
            "(exceeds|exceeded) .{0,20}quota",
        ),
        stages=frozenset({Stage.RCPT}),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's mailbox is full",
        words=("quota exceeded",),
        not_at=frozenset({Stage.AUTH, Stage.MAIL}),
        codes=("552",),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's server or mailbox cannot take mail now",
        words=(
            "destination mail server",
            "certificate-host-mismatch",
            "suspiciousremoteservererror",
            r"connection refused \[message",
            "mailbox delivery (failure|restricted)",
            "dns query failed",
            "cannot connect to remote",
            "socket error code",
            "(recipient|mail ?box) (is )?(temporarily|currently) (unavailable|disabled|suspended|locked)",
            "(message|delivery time|queue) expired",
            "in the queue too long",
            "(account )?inbounds disabled",
            "licen[sc]e expired",
            "recipient deferred because there is no mdb",
            "temporary domain failure",
        ),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's domain takes no mail",
        words=("(host|domain|server).{0,20} does(n't| not) accept (any )?mail\\b(?! from)",),
        not_at=UP_TO_MAIL,
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's address is closed or no longer in use",
        words=(
            (
                "(mail ?box|recipient|user|addressee|account that you tried to reach|recipient account|"
                "e?mail account).{0,30}(disabled|inactive|deactivated|suspended|archived|discontinued|blocked|"
                "locked|closed|no longer|bloque)"
            ),
            (
                "(inactive|archived|deactivated|disabled|abandoned|banned|marked as inactive) (e?mail ?|mailbox |"
                "recipient|user|address)"
            ),
            "(is )?no longer (valid|available|on server|active|in use|accepts|at this)",
            "has moved",
            "have been marked as inactive",
            "suppression list",
            "(is|are|been|was) suppressed",
            "cannot be delivered.{0,40} account",
            "unsubscribed",
            "spam reporting address",
            "mailbox owner has changed",
            "domain owner has changed",
            "account blocked.{0,20}recipient",
            "boite.{0,20}desactivee",
            "destinataire.{0,20}(bloque|archive)",
        ),
        not_at=frozenset({Stage.AUTH}),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's address does not exist",
        words=(
            "(no|not|any) such (a )?(user|person|recipient|mail ?box|address|account|alias|domain|local)",
            (
                "(user|recipient|addressee|mail ?box|account|address|alias|rcpt|local[- ]part|"
                r"mailhost)('s)?( name| address)?,? ?(<?@>?,? ?|is |was |\(.{0,60}\) |\[.{0,60}\] )?(unknown|"
                "not (be )?(found|known|exist|valid|ok|a known|local|present|recogni|our|listed)|unallocated|"
                "invalid)"
            ),
            (
                "(unknown|invalid|bad|illegal|nonexist[ae]nt|non-existent|incorrect|not a valid|no valid|nosuch|"
                r"unrouteable|unroutable|undeliverable|unverified|blank|misspelled) (or \w+ )?(virtual )?(user|"
                "recipient|mail ?box|e-?mail ?(address)?|alias|local[- ]part|address|account|destination|rcpt|"
                r"mailhost)s?\b"
            ),
            "does(n't| not) (exist|have an? .{0,40}account)",
            "user ?unknown",
            "usernotfound",
            "recip(ient)?notfound",
            "not found by smtp",
            "nullmx",
            "null mx",
            r"\bno-domain\b",
            "invalid-recipient",
            "not in recipient list",
            "not our customer",
            "marked as invalid",
            "not (a )?valid (e?mail )?(address|user|mailbox|recipient)",
            "mail ?box (name )?(unavailable|not (found|allowed|present|available))",
            "mail ?box .{0,20}does not",
            "(user )?not local",
            "no (mailbox|one|account|user) (here|at this|found|by that)",
            "user doesn't",
            "not a local address",
            "recipient address rejected(?!.{0,60}(spf|limit|quota|rate|throttl|relay|authenti|sender|greylist))",
            "(recipient|rcpt)s? (address )?(@ )?(was |is |were )?(refused|not accepted|reserved)",
            "(recipient|rcpt)s? (address )?(@ )?(was |is |were )?rejected(?!.{0,20}relay)",
            "recipient address .{0,80}not a valid rfc",
            "address verification",
            "badrcptto",
            "no valid recipients",
            "(find|resolve|route to) the recipient domain",
            "(recipient|destination) (domain|system).{0,30}(exist|unknown|bad|invalid)",
            "bad destination",
            "dns domain .{0,80}does not exist",
            "host (or domain name )?not found",
            "domain not found",
            "unable to route",
            "no route to (the )?(recipient|destination)",
            r"loops? back to (myself|me\b)",
            "mail ?box unavailable",
            "invalid mailbox",
            "unavailable or access deni",
            "moved permanently",
            "user has moved",
            "invalid address",
            "bad address syntax",
            "syntax error in mailbox address",
        ),
        not_at=frozenset({Stage.AUTH, Stage.MAIL}),
    ),
    Rule(
        kind=FailureKind.RECIPIENT,
        because="the recipient's address does not exist",
        words=(
            "destinataire.{0,20}(invalide|inconnu|inexist)",
            "(utilisateur|adresse|compte) .{0,20}(inconnu|inexist)",
            (
                "(empfanger|benutzer|adressat|postfach|adresse).{0,30}(unbekannt|existiert nicht|nicht (gefunden|"
                "verfugbar|vorhanden))"
            ),
            (
                "(usuario|destinatario|utente|cuenta|conta|casella|buzon).{0,30}(desconocid|desconhecid|"
                "sconosciut|inesistent|inexist|no existe|nao existe|non esiste|non trovat)"
            ),
            "no existe (dicha persona|ese usuario)",
            "(пользователь|адресат|получатель|ящик).{0,20}не (найден|существует)",
            "нет такого (пользователя|адреса|ящика)",
            "(用户|收件人|邮箱|帐号|账号|地址).{0,6}(不存在|不可用|无效)",
            "(宛先|ユーザー?|メールアドレス).{0,8}(存在しません|不明|見つかりません)",
        ),
    ),
)
