"""What is said of logging in: credentials, mechanisms, and the encryption that must come first."""

from mailover.core.classification.rule import GREETING, Rule
from mailover.core.observations import FailureKind, Stage

LOGIN = (
    Rule(
        kind=FailureKind.POLICY,
        because="we may not send from this address",
        words=("(from|sender) (address )?.{0,40}not authori[sz]ed",),
    ),
    Rule(
        kind=FailureKind.POLICY,
        because="the provider does not let our address relay through it",
        words=("credentials for (the )?relay",),
        not_at=frozenset({Stage.AUTH}),
    ),
    Rule(
        kind=FailureKind.TRANSIENT,
        because="the provider cannot check logins at the moment",
        words=(
            "temporary (authentication|auth|login) (failure|error|problem)",
            "cannot authenticate due to (a )?temporary",
            "(connection lost to|unable to reach|cannot contact) (the )?authentication",
            "authentication (server|service|backend) .{0,20}(unavailable|down|timeout|timed out|unreachable)",
            "authentication temporarily",
            "try to (log ?in|authenticate) again later",
        ),
    ),
    Rule(
        kind=FailureKind.TLS,
        because="the connection must be encrypted first, or could not be",
        words=(
            "(must|need to|should) (first )?issue a? ?starttls",
            "starttls (command )?(first|is required|required|not (available|supported))",
            "encryption (needed|required)",
            "requires (encryption|tls|ssl|a secure|high-strength)",
            (
                "(tls|ssl)( encryption| connection)? (is )?(required|not available|unavailable|negotiation fail|"
                "handshake)"
            ),
            "must use (tls|ssl)",
            "secure connection required",
            r"tls (version )?(1\.\d )?(or|too old)",
            "use tls/ssl",
            r"tls \d.{0,20} not supported",
            "could not (start|negotiate) tls",
            "starttls may not",
        ),
    ),
    Rule(
        kind=FailureKind.AUTH,
        because="the login is missing, wrong or not allowed",
        words=(
            (
                "authenti[cz]ation (is )?(required|failed|failure|unsuccessful|unauthori[sz]ed|rejected|denied|"
                "credentials|data|error|invalid|not (enabled|allowed|supported|available)|disabled|mechanism|"
                "exchange|type|aborted|expired|needed)"
            ),
            (
                "(incorrect|invalid|bad|wrong|unknown) .{0,30}(login|password|user ?name|passcode|api[- ]?key|"
                r"token|authentication|auth\b)"
            ),
            (
                "(login|password|user ?name|credentials|api[- ]?key|token).{0,40}(invalid|incorrect|wrong|fail|"
                "not accepted|not match|rejected|denied|expired|revoked|required|missing|disabled|transition)"
            ),
            "credentials (invalid|were)",
            "bad credentials",
            "(please|must|need to|have to|should|to) (first )?(authenticate|log ?in|sign ?in)",
            "not authenticated",
            "must be (authenticated|logged in)",
            "unauthenticated sender",
            "unauthenticated (users?|relay|connection|commands)",
            "proper authentication",
            "without authentication",
            "smtp auth(?! extension not)",
            "log ?in (with|via|through|failed)",
            "sign[- ]?on failed",
            "sign ?in (with|failed)",
            "auth(entication)? (not|command|failed|type|mechanism)",
            "cannot decode",
            "application[- ]specific",
            "application password",
            "password(?! protected)",
            "turn on smtp",
            "requires? authentication",
            "unrecognized authentication",
            "authorization (failed|required|grant)",
            "authorisation",
            "no smtp access",
            "not subscribed to ses",
            "user unknown or password",
            "clientauth",
            "authentification (requise|echou|incorrect|invalide)",
            "code d'authentification",
            "mot de passe",
            "passwort",
            "kennwort",
            "anmeldung fehl",
            "contrasena",
            "senha (in|errad)",
            "autenticaci?o",
            "autenticac(ion|ao)",
            "неверный (логин|пароль)",
            "парол",
            "авториза",
            "аутентифи",
            "认证失败",
            "密码",
            "認証",
            "access rights to this service",
            "not enabled for smtp",
            "user is not allowed to (log|authenticate)",
        ),
        not_at=GREETING,
    ),
    Rule(
        kind=FailureKind.SUSPENDED,
        because="the provider refuses until we have spoken with its support",
        words=("contact (customer )?support",),
        stages=frozenset({Stage.AUTH, Stage.MAIL}),
        codes=("5",),
    ),
)
