"""What a stream's flag is to say, before it is said. A value, nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mailover.core.fleet import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a stream's flag is to say."""

    provider: str | None
    mode: Mode
    because: str
    fallbacks: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    sending: bool = True
    leaving_since: datetime | None = None
