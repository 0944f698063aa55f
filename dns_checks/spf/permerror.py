"""The one error that reading a record may raise. Nothing is decided here."""


class PermError(Exception):
    """A record that cannot be read or costs more than allowed: its owner has to mend it (RFC 7208 section 2.6.7)."""
