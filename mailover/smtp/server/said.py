"""What a server says: every reply it has, with its enhanced status code (RFC 3463), ready for the wire. Values only."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Said:
    """One reply."""

    code: int
    enhanced: str
    """Empty where RFC 2034 wants none."""
    text: str
    wire: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        words = f"{self.code} {self.enhanced} {self.text}" if self.enhanced else f"{self.code} {self.text}"
        if not words.isascii() or not words.isprintable():
            raise ValueError("a reply is one line of printable ASCII")
        object.__setattr__(self, "wire", words.encode() + b"\r\n")

    @property
    def yes(self) -> bool:
        """Whether it says that all is well."""
        return self.code < 400  # noqa: PLR2004 - the first digit says no (RFC 5321 section 4.2.1)


SENDER_TAKEN = Said(250, "2.1.0", "Sender OK")
RECIPIENT_TAKEN = Said(250, "2.1.5", "Recipient OK")
SEND_CONTENT = Said(354, "", "End data with <CRLF>.<CRLF>")
FORGOTTEN = Said(250, "2.0.0", "OK, begin anew")
NOTHING_DONE = Said(250, "2.0.0", "OK")
NOT_VERIFIED = Said(252, "2.1.5", "Cannot verify, but will take mail and try")
HELP = Said(214, "2.0.0", "See RFC 5321")
BYE = Said(221, "2.0.0", "Bye")
BEGIN_TLS = Said(220, "2.0.0", "Ready to start TLS")

ASK_USERNAME = Said(334, "", "VXNlcm5hbWU6")
ASK_PASSWORD = Said(334, "", "UGFzc3dvcmQ6")
ASK_BOTH = Said(334, "", "")
LOGGED_IN = Said(235, "2.7.0", "Authentication successful")
LOGIN_REFUSED = Said(535, "5.7.8", "Authentication credentials invalid")
LOGIN_LATER = Said(454, "4.7.0", "Too many failed logins from your address, try again later")
LOGIN_CANCELLED = Said(501, "5.7.0", "Authentication cancelled")
LOGIN_GARBLED = Said(501, "5.5.2", "Cannot decode this")
LOGIN_UNKNOWN = Said(504, "5.5.4", "Only PLAIN and LOGIN are known")
LOGIN_NEEDS_TLS = Said(538, "5.7.11", "Encryption required: say STARTTLS first")
LOGIN_NEEDED = Said(530, "5.7.0", "Authentication required")
TLS_NEEDED = Said(530, "5.7.0", "Must issue a STARTTLS command first")
NO_TLS = Said(502, "5.5.1", "STARTTLS is not offered")
NO_LOGINS = Said(502, "5.5.1", "AUTH is not offered")

UNKNOWN = Said(500, "5.5.1", "Command not recognised")
NOT_A_LINE = Said(500, "5.5.2", "Lines end with CRLF and hold no control characters")
TOO_LONG = Said(500, "5.5.2", "Line too long")
NO_PARAMETERS = Said(501, "5.5.4", "This command takes no parameters")
HELLO_NEEDED = Said(503, "5.5.1", "Say EHLO first")
HELLO_NAME_NEEDED = Said(501, "5.5.4", "A name is needed, one word of ASCII")
OUT_OF_TURN = Said(503, "5.5.1", "Not now")
SENDER_NEEDED = Said(503, "5.5.1", "MAIL is needed first")
RECIPIENT_NEEDED = Said(503, "5.5.1", "RCPT is needed first")
MAIL_SYNTAX = Said(501, "5.5.4", "The form is MAIL FROM:<address>")
RCPT_SYNTAX = Said(501, "5.5.4", "The form is RCPT TO:<address>")
SENDER_SYNTAX = Said(501, "5.1.7", "Not an address with a domain")
RECIPIENT_SYNTAX = Said(501, "5.1.3", "Not an address with a domain")
NEEDS_UTF8 = Said(553, "5.6.7", "An address beyond ASCII needs SMTPUTF8")
BAD_PARAMETER = Said(501, "5.5.4", "A parameter is malformed or said twice")
UNKNOWN_PARAMETER = Said(555, "5.5.4", "A parameter is not supported")
TOO_MANY_RECIPIENTS = Said(452, "4.5.3", "Too many recipients")
TOO_LARGE = Said(552, "5.3.4", "The message is too large")
BARE_ENDS = Said(550, "5.6.11", "A bare CR or LF in the message; lines end with CRLF")
NO_ROOM = Said(452, "4.3.1", "No room for so large a message now, try again later")

TOO_MANY_ERRORS = Said(421, "4.7.0", "Too many errors")
TOO_MANY_COMMANDS = Said(421, "4.7.0", "Too many commands without a message")
TOO_MANY_GUESSES = Said(421, "4.7.0", "Too many failed logins")
TOO_MANY_SESSIONS = Said(421, "4.7.0", "Too many connections, try again later")
TOO_MANY_FROM_YOU = Said(421, "4.7.0", "Too many connections from your address, try again later")
TOO_SLOW = Said(421, "4.4.2", "Too slow, good-bye")
SILENT = Said(421, "4.4.2", "Nothing heard for too long, good-bye")
LONG_ENOUGH = Said(421, "4.4.2", "No message for too long, good-bye")
STOPPING = Said(421, "4.3.2", "Shutting down, try again later")
EARLY = Said(554, "5.5.1", "You spoke before the greeting")
NOT_SMTP = Said(554, "5.5.1", "This is not SMTP")
