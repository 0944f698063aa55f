"""Why a place to listen cannot be had, and the cure, in the words of the config file. Nothing listens here."""

import errno
import os

from mailover.errors import ConfigError

_CURES = {
    errno.EADDRINUSE: "; another program listens there, perhaps another mailover: end it, or give another port",
    errno.EACCES: "; a port below 1024 needs the right to it (CAP_NET_BIND_SERVICE), or give a higher one",
    errno.EADDRNOTAVAIL: "; it is no address of this machine",
}


def not_listening(key: str, address: object, error: OSError) -> ConfigError:
    """The refusal of `address`, which the key path `key` says."""
    number = error.errno if error.errno and error.errno > 0 else None
    why = os.strerror(number) if number else error.strerror or str(error)
    return ConfigError([f"{key}: {address} cannot be used: {why}{_CURES.get(number or 0, '')}"])
