"""What is said of one message: its size, its content, its form. It blames nobody."""

from mailover.core.classification.rule import UP_TO_LOGIN, UP_TO_MAIL, Rule
from mailover.core.observations import FailureKind, Stage

ENVELOPE_OF_MESSAGE = (
    Rule(
        kind=FailureKind.MESSAGE,
        because="this message holds a link that is on a block list",
        words=("(url|link|uri)s? in (the |this |your )?(message|body|content)",),
        not_at=UP_TO_MAIL,
    ),
    Rule(
        kind=FailureKind.MESSAGE,
        because="this message has too many recipients at once",
        words=(
            r"(?<!to )too many recipients?\b(?! (received|this hour|per |in the last|today))",
            "recipient count exceed",
            "multiple destination domains",
            "domain policy size",
            "multiple (from|addresses in from)",
        ),
        not_at=UP_TO_LOGIN,
    ),
    Rule(
        kind=FailureKind.MESSAGE,
        because="a header of this message is missing or not well formed",
        words=("transaction failed: ", "(empty|missing|duplicate) '?(from|to|date|subject)'? header"),
        not_at=UP_TO_MAIL,
    ),
)
"""Spoken before all rows about our account, whose words ("limit", "too many", "from") it shares."""

CONTENT = (
    Rule(
        kind=FailureKind.MESSAGE,
        because="this message is too big, or has too many recipients or parts",
        words=(
            "too many (attachments|headers|mime|received|hops)",
            "recipients? limit (is|of|per message)",
            "maximum number of recipients",
            (
                "(message|mail|header|attachment|data|size|email)s? .{0,60}(too (big|large|long)|exceed(s|"
                "ed)?.{0,60}(size|limits?( of)?|maximum|fixed|databytes)|is too (big|large|long))"
            ),
            "(message|email|mail) size exceed",
            "maximum (email|message) size",
            "message length exceed",
            "exceed(s|ed)? .{0,40}size",
            "taille limite",
            "zu gross",
            "demasiado grande",
            "muito grande",
            "troppo grande",
            "(mail|message) loop",
            "(routing|forwarding) loop",
            r"\bloop (was )?(detected|found)",
            "hop count",
            r"exceeded \d+ hops",
            "too many hops",
            "looping",
            "same message-id",
        ),
        not_at=UP_TO_LOGIN,
    ),
    Rule(
        kind=FailureKind.MESSAGE,
        because="what this message carries was refused",
        words=(
            "(url|link|uri|hyperlink)s? (in|within|found|is|are|was|listed)",
            "spam url",
            "urlbl",
            "uribl",
            "surbl",
            "dt:spm",
            r"(virus|malware|infected|eicar|phish|trojan|worm)\b",
            "(attachment|file type|extension).{0,40}(not allowed|blocked|forbidden|prohibited|illegal|banned)",
            "illegal attachment",
            "(banned|unacceptable|objectionable|forbidden) content",
            "content (reject|denied|filter|exam|not|judged|presents|restric)",
            "due to (the nature of the |its )?content",
            "its content",
            "because of (unacceptable )?content",
            "content.{0,20}spam",
            (
                "(likely|appears to be|considered|looks? like|suspected|probabl[ey]|classified as|identified as|"
                "detected as|flagged as|suspicion of|marked as|rejected as|scored as|judged to be|"
                "as being) .{0,20}(spam|unsolicited|junk|bulk)"
            ),
            ("spam (message|content|detect|score|mail|e?mail|reject|check|filter|refused|blocked|found|not accepted)"),
            "e?mail rejete",
            "message rejete",
            "mensaje rechazado por spam",
            "als spam",
            "comme (du )?spam",
            "спам",
            "垃圾邮件",
            "迷惑メール",
            "message (filtered|content)",
            "blocked by (spam|content)",
            "recurrent pattern",
            "spamassassin",
            "security polic",
        ),
    ),
    Rule(
        kind=FailureKind.MESSAGE,
        because="this message breaks a rule of the receiving side",
        words=(
            "rfc ?-?(2822|5322|822)",
            "not rfc[ -]compliant",
            "(missing|duplicate|invalid|malformed|empty|bad) .{0,30}header",
            "header error",
            "header.{0,20}(not accepted|limit|too)",
            "disallowed header",
            "encoded-word",
            "malformed",
            "bare (lf|cr|line ?feed)",
            "from: header",
            "subject is mandatory",
            "message-id",
            r"(missing|invalid|no) (date|from|subject)\b",
            "invalid characters",
            "poison message",
            (
                "(message|mail|e?mail|envelope) (was |is |has been )?(not (accepted|allowed)|rejected|refused|"
                "blocked|bounced).{0,30}(polic(y|ies)|rule)"
            ),
            "not accepted for policy reasons",
            "has a policy that prohibited",
            "policy violation",
            "rejected by organi[sz]ation policy",
            "(message|mail) not allowed",
            "mailpolicy violation",
            "delivery not authorized, message refused",
            r"transport\.rules",
            "reject due to policy",
            "due to (local )?policy",
            r"requested action aborted \[",
            "media not supported",
            "conversion",
            "message integrity",
            "(missing final|expected ':'|illegal (address|semicolon)|unbalanced|domain (starts|contains|ends))",
            "message (was )?refused",
            r"message rejected\.?$",
            "journal",
        ),
        not_at=UP_TO_LOGIN,
    ),
    Rule(
        kind=FailureKind.MESSAGE,
        because="a filter took this message for spam",
        words=("spam", r"\bbulk (e-?)?mail", "bulk.advertis", "mass mailer", "by our filter"),
        # Before the content is sent, such words are said of who sends.
        not_at=UP_TO_MAIL | {Stage.RCPT},
    ),
)
