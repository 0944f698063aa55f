"""What servers say that make strangers wait once: greylisting, in the languages it is met in."""

from mailover.core.classification.rule import Rule
from mailover.core.observations import FailureKind

GREYLIST = (
    Rule(
        kind=FailureKind.GREYLIST,
        because="the recipient's server makes strangers wait once before it takes their mail",
        words=(
            "gr[ea]y[- ]?list",
            "postgrey",
            "milter-greylist",
            "sqlgrey",
            "intentional policy rejection",
            "list[ea] (de )?gris",
            "lista (cinza|grigia)",
            "grau(e|er)? liste",
            "серы[ий] список",
            "серого списка",  # noqa: RUF001 - the reply is in Russian
            "灰名单",
            "灰色名单",
            "グレイリスト",
            "グレーリスト",
            r"please try again in \d+ (seconds|minutes)",
            "(first|initial) (attempt|contact).{0,40}(retry|try again|later)",
        ),
        codes=("4",),
    ),
)
