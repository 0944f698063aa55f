"""What the operator wrote, as one checked value: where it is found, how it is read, what it means to the core.

Nothing here connects to anything.
"""

from mailover.config.loading import build, find, load
from mailover.config.mapping import credentials, endpoint, policy
from mailover.config.settings import Settings
from mailover.config.showing import show, warnings

__all__ = ["Settings", "build", "credentials", "endpoint", "find", "load", "policy", "show", "warnings"]
