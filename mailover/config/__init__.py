"""What the operator wrote, as one checked value: where it is found, how it is read, what it means to the core.

Nothing here connects to anything.
"""

from mailover.config.settings import Settings

__all__ = ["Settings"]
