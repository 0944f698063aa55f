"""`POST /v1/reports`: what applications' real sends met. Words become observations; who is believed is the core's."""

from datetime import datetime, timedelta

from flask import Response
from flask_openapi.blueprint import APIBlueprint

from mailover.core.classify import classify
from mailover.core.observations import DEPTH_OF, Depth, Failure, FailureKind, Observation, Purpose, Stage
from mailover.core.sentences import veiled
from mailover.smtp.replies import printable
from webhooks.answers import problem
from webhooks.asked import Report, Reports
from webhooks.flag_schemas import Accepted
from webhooks.parts import caller, parts, send

blueprint = APIBlueprint("reports", __name__, url_prefix="/v1")

_OLDEST = timedelta(hours=1)
_MOST = 1000
"""Equal outcomes that one report may stand for."""
_STAGE_OF = {
    FailureKind.CONNECTION: Stage.CONNECT,
    FailureKind.TIMEOUT: Stage.CONNECT,
    FailureKind.LOCAL: Stage.CONNECT,
    FailureKind.TLS: Stage.STARTTLS,
    FailureKind.AUTH: Stage.AUTH,
    FailureKind.RECIPIENT: Stage.RCPT,
}
"""Where a failure most likely happened when the report does not say; anything else at the end of the message."""


@blueprint.post("/reports", responses={200: Accepted})
def report(body: Reports) -> Response | dict[str, object]:
    """Outcomes of real sends; the answer's flags include their effect."""
    here, reporter = parts(), caller().name
    known = here.service.snapshot.fleet.breakers
    unknown = [index for index, each in enumerate(body.reports) if each.provider not in known]
    if unknown:
        complaints = [{"pointer": f"/reports/{index}/provider", "detail": "no such provider"} for index in unknown]
        return send(problem(422, "A report names an unknown provider.", errors=complaints))
    now = here.service.clock.now()
    heard = [_observation(each, reporter, now) for each in body.reports if each.at is None or each.at > now - _OLDEST]
    if heard:
        here.service.ask(*heard)
    flags = {name: published.flag.body() for name, published in here.service.snapshot.flags.items()}
    return {"accepted": len(heard), "flags": flags}


def _observation(said: Report, reporter: str, now: datetime) -> Observation:
    """One report as the core hears it; an instant in the future is now, by our clock."""
    at = min(said.at, now) if said.at is not None else now
    failure = None if said.ok else _failure(said)
    depth = failure.depth if failure is not None else _depth(said.stage)
    return Observation(
        provider=said.provider,
        purpose=Purpose.REPORT,
        depth=depth,
        failure=failure,
        started_at=at,
        finished_at=at,
        reporter=reporter,
        count=min(said.count, _MOST),
        recipient_domain=said.recipient_domain,
    )


def _depth(stage: Stage | None) -> Depth:
    return Depth.SEND if stage is None else DEPTH_OF[stage]


def _failure(said: Report) -> Failure:
    kind = classify(said.stage, said.code, said.enhanced, said.text)
    return Failure(
        kind=kind,
        stage=said.stage or _STAGE_OF.get(kind, Stage.END_DATA),
        text=veiled(printable(parts().mask(said.text))),
        code=said.code,
        enhanced=said.enhanced,
        replied=said.code is not None or said.enhanced is not None,
    )
