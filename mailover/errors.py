"""Every error of the house, as one tree.

MailoverError
├── ConfigError        the config file is wrong; `problems` has every one, each with its key path
├── RefusedError       an operator's command cannot be carried out, and why
│   └── TooLargeError          what was handed over is larger than is taken
├── NotFoundError      no provider, stream, incident of that name
├── StorageError       the store could not be read or written
│   ├── StorageFullError       there is no room left for it
│   └── VersionConflictError   somebody else decided first; load and decide again
├── UnavailableError   nothing is there that could do it now
└── UnreachableError   the agent's API did not answer (CLI)
"""


class MailoverError(Exception):
    """The base of all errors that mailover raises on purpose. Its text is fit to be shown to people."""


class ConfigError(MailoverError):
    """The configuration is refused; every problem is listed with its key path."""

    def __init__(self, problems: list[str]) -> None:
        """`problems` are complete sentences such as "providers.postmark.port: must be between 1 and 65535"."""
        super().__init__("\n".join(problems))
        self.problems = problems


class RefusedError(MailoverError):
    """A command that cannot be carried out in the present state."""


class TooLargeError(RefusedError):
    """What was handed over is larger than is taken."""


class NotFoundError(MailoverError):
    """No such provider, stream, incident or subscription."""


class StorageError(MailoverError):
    """The store could not be read or written."""


class StorageFullError(StorageError):
    """The store has no room left; what is there can be read."""


class VersionConflictError(StorageError):
    """The fleet was changed by somebody else since it was loaded."""


class UnavailableError(MailoverError):
    """Nothing is there that could do it now, as a check without a running agent."""


class UnreachableError(MailoverError):
    """The agent's API did not answer."""
