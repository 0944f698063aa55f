"""Whatever is heard, ordered or waited for, in whatever order: what must always be true of a decision."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mailover.core.breaker import Breaker, BreakerState
from mailover.core.carriage import Geography, StreamMail
from mailover.core.commands import (
    Command,
    DisableProvider,
    EnableProvider,
    FailBack,
    PauseFailback,
    PinProvider,
    ReorderStream,
    ResumeFailback,
    Unpin,
)
from mailover.core.decide import Decision, Heard, decide
from mailover.core.fleet import Fleet, Mode, found
from mailover.core.observations import (
    DEPTH_OF,
    AgentResumed,
    AgentStarted,
    Depth,
    DnsVerdict,
    Failure,
    FailureKind,
    MailboxSeen,
    Observation,
    OrderWanted,
    Overdue,
    Owner,
    ProbeKind,
    Purpose,
    ReferenceSeen,
    Stage,
    StoreSeen,
)
from mailover.core.operators import refusal
from mailover.core.orders import order_of
from mailover.core.policy import ReportPolicy
from mailover.core.providers import Failback, Stream, StreamMode, WhenExhausted
from mailover.core.routing import Letter, Spent, route
from mailover.storage import codec

from .story import START, policy_of

NAMES = "abcd"
ONLY_C_OR_D = Geography(suffixes=(".eu",), providers=frozenset("cd"), only=True)
providers = st.sampled_from(NAMES)
spans = st.sampled_from([0.0, 0.05, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 3600.0, 90000.0])
innocent = [kind for kind in FailureKind if kind.owner in {Owner.NOBODY, Owner.LOCAL}]
guilty = [kind for kind in FailureKind if kind.moves_breaker]


def failures(kinds: Iterable[FailureKind]) -> st.SearchStrategy[Failure]:
    return st.builds(
        Failure,
        kind=st.sampled_from(list(kinds)),
        stage=st.sampled_from(list(Stage)),
        replied=st.booleans(),
        by_date=st.booleans(),
    )


class Deciding(RuleBasedStateMachine):
    """Two streams over four providers, and everything that can happen to them."""

    @initialize(
        mode=st.sampled_from(StreamMode),
        failback=st.sampled_from(Failback),
        exhausted=st.sampled_from(WhenExhausted),
        require_dns=st.booleans(),
        shadow=st.sampled_from(["", "b"]),
        round_trip=st.booleans(),
        successes=st.sampled_from([1, 2]),
        postpone=st.booleans(),
        warm_share=st.sampled_from([0.0, 0.2]),
    )
    def begin(  # noqa: PLR0917 - hypothesis passes each drawn value by name
        self,
        mode: StreamMode,
        failback: Failback,
        exhausted: WhenExhausted,
        require_dns: bool,
        shadow: str,
        round_trip: bool,
        successes: int,
        postpone: bool,
        warm_share: float,
    ) -> None:
        policy = policy_of(
            NAMES,
            round_trip=round_trip,
            shadow=shadow,
            failback=failback,
            when_exhausted=exhausted,
            require_dns=require_dns,
        )
        asked = StreamMail(postpone=postpone, warm_share=warm_share, geography=(ONLY_C_OR_D,), selector="any")
        bulk = Stream(name="bulk", providers=("d", "c", "a"), mode=mode, mail=asked)
        self.policy = replace(
            policy,
            streams={**policy.streams, "bulk": bulk},
            breaker=replace(
                policy.breaker, successes=successes, window_minimum=4, degraded_minimum=6, degraded_failures=3
            ),
            reports=ReportPolicy(ballot_minimum=2, ballot_failures=2),
        )
        self.now = START
        self.fleet = found(self.policy, "any", START)
        self.ids: set[str] = set()
        self.wake_at = self.decide(AgentStarted(at=START)).wake_at

    def decide(self, *heard: Heard | Command) -> Decision:
        before = self.fleet
        decision = decide(before, heard, self.policy, self.now)
        self.fleet, self.wake_at = decision.fleet, decision.wake_at
        self.check_events(decision)
        self.check_epochs(before)
        operated = any(isinstance(item, Command) for item in heard)
        if before.blindness is not None and self.fleet.blindness is not None and not operated:
            self.check_nothing_flipped(before)
        return decision

    # -- what happens ---------------------------------------------------------------------------------------------

    @rule(span=spans)
    def time_passes(self, span: float) -> None:
        self.now += timedelta(seconds=span)
        self.decide()

    @precondition(lambda self: self.wake_at is not None)
    @rule()
    def the_core_is_woken(self) -> None:
        assert self.wake_at is not None
        self.now = max(self.now, self.wake_at)
        self.decide()

    @rule(
        provider=providers,
        failure=st.none() | failures(guilty),
        probe=st.sampled_from(ProbeKind),
        purpose=st.sampled_from([p for p in Purpose if p is not Purpose.REPORT]),
        took=st.sampled_from([0.0, 0.1, 6.0, 60.0]),
        times=st.sampled_from([1, 1, 3, 8]),
    )
    def a_probe_comes_back(  # noqa: PLR0917 - as above
        self, provider: str, failure: Failure | None, probe: ProbeKind, purpose: Purpose, took: float, times: int
    ) -> None:
        self.decide(*[self.observation(provider, failure, probe, purpose, took)] * times)

    @rule(
        provider=providers, failure=failures(innocent), probe=st.sampled_from(ProbeKind), times=st.sampled_from([1, 9])
    )
    def a_failure_that_is_nobodys_or_ours(self, provider: str, failure: Failure, probe: ProbeKind, times: int) -> None:
        before = self.fleet.breakers[provider]
        self.decide()
        waited = self.fleet.breakers[provider]
        self.decide(*[self.observation(provider, failure, probe, Purpose.SCHEDULED, 0.0)] * times)
        after = self.fleet.breakers[provider]
        if before.closed and waited.closed:
            assert after.closed, "a failure that blames nobody has moved a breaker"

    def observation(
        self, provider: str, failure: Failure | None, probe: ProbeKind, purpose: Purpose, took: float
    ) -> Observation:
        return Observation(
            provider=provider,
            purpose=purpose,
            depth=probe.depth if failure is None else failure.depth,
            failure=failure,
            started_at=self.now - timedelta(seconds=took),
            finished_at=self.now,
            probe=probe,
        )

    @rule(
        provider=providers,
        failure=st.none() | failures(FailureKind),
        reporter=st.sampled_from(["shop", "crm", "liar"]),
        count=st.sampled_from([1, 5, 1000]),
    )
    def an_application_reports(self, provider: str, failure: Failure | None, reporter: str, count: int) -> None:
        depth = Depth.SEND if failure is None else DEPTH_OF[failure.stage]
        self.decide(
            Observation(
                provider=provider,
                purpose=Purpose.REPORT,
                depth=depth,
                failure=failure,
                started_at=self.now,
                finished_at=self.now,
                reporter=reporter,
                count=count,
            )
        )

    @rule(provider=providers, probe=st.sampled_from(ProbeKind))
    def a_probe_is_overdue(self, provider: str, probe: ProbeKind) -> None:
        self.decide(Overdue(provider=provider, probe=probe, started_at=self.now - timedelta(seconds=5), at=self.now))

    @rule(answered=st.booleans(), readable=st.booleans(), writable=st.booleans(), which=st.integers(0, 2))
    def the_surroundings_are_seen(self, answered: bool, readable: bool, writable: bool, which: int) -> None:
        seen: Heard = ReferenceSeen(target="r", answered=answered, started_at=self.now, at=self.now)
        if which == 1:
            seen = MailboxSeen(readable=readable, at=self.now)
        elif which == 2:
            seen = StoreSeen(writable=writable, at=self.now)
        self.decide(seen)

    @rule(provider=providers, verdict=st.sampled_from(["both", "none", "unknown"]))
    def the_dns_is_seen(self, provider: str, verdict: str) -> None:
        self.decide(DnsVerdict(provider=provider, verdict=verdict, at=self.now))

    @rule(stream=st.sampled_from(["mail", "bulk", "gone"]), wanted=st.lists(st.sampled_from("abcdz"), max_size=5))
    def a_selector_wishes(self, stream: str, wanted: list[str]) -> None:
        self.decide(OrderWanted(stream=stream, providers=tuple(wanted), at=self.now))

    @rule(resumed=st.booleans(), span=spans)
    def the_agent_was_away(self, resumed: bool, span: float) -> None:
        since, self.now = self.now, self.now + timedelta(seconds=span)
        self.decide(AgentResumed(absent_since=since, at=self.now) if resumed else AgentStarted(at=self.now))

    @rule(
        stream=st.sampled_from(["mail", "bulk"]),
        provider=providers,
        which=st.integers(0, 7),
        minutes=st.sampled_from([1, 60]),
        order=st.permutations(NAMES).map(lambda names: tuple(names[:3])),
    )
    def an_operator_acts(self, stream: str, provider: str, which: int, minutes: int, order: tuple[str, ...]) -> None:
        until = self.now + timedelta(minutes=minutes)
        commands: list[Command] = [
            EnableProvider(provider=provider),
            DisableProvider(provider=provider),
            PinProvider(stream=stream, provider=provider, until=until),
            Unpin(stream=stream),
            FailBack(stream=stream),
            PauseFailback(stream=stream, until=until),
            ResumeFailback(stream=stream),
            ReorderStream(stream=stream, providers=order),
        ]
        command = commands[which]
        if refusal(self.fleet, self.policy, command, self.now) is None:
            self.decide(command)

    # -- what must be true of every decision ----------------------------------------------------------------------

    def check_events(self, decision: Decision) -> None:
        for event in decision.events:
            assert event.because, "an event without its because"
            assert event.id not in self.ids, "an id was given twice"
            self.ids.add(event.id)

    def check_epochs(self, before: Fleet) -> None:
        for name, state in self.fleet.streams.items():
            old, new = before.streams[name].flag, state.flag
            if new.same_answer(old):
                assert new == old, "a flag changed without a new answer"
            else:
                assert new.epoch == old.epoch + 1, "the epoch counts the answers"

    def check_nothing_flipped(self, before: Fleet) -> None:
        for name, state in self.fleet.streams.items():
            old = before.streams[name]
            if old.pin is None and state.pin is None:
                assert state.flag.provider == old.flag.provider, "automation flipped while blind"

    # -- what must be true at all times ---------------------------------------------------------------------------

    @invariant()
    def the_core_never_asks_to_be_woken_now(self) -> None:
        assert self.wake_at is None or self.wake_at > self.now, f"woken at {self.wake_at}"

    @invariant()
    def a_flag_names_an_enabled_provider_or_says_why_not(self) -> None:
        for state in self.fleet.streams.values():
            flag = state.flag
            if flag.provider is None:
                assert not flag.sending
                assert flag.because
            else:
                assert self.fleet.breakers[flag.provider].enabled
                assert set(flag.weights) <= {n for n, b in self.fleet.breakers.items() if b.enabled}
                assert abs(sum(flag.weights.values()) - 1) < 1e-9
            assert flag.provider not in flag.fallbacks
            assert all(self.lets_through(name) for name in flag.fallbacks)

    @invariant()
    def a_stream_that_can_wait_waits_exactly_while_another_uses_its_backups(self) -> None:
        flag, other = self.fleet.streams["bulk"].flag, self.fleet.streams["mail"].flag
        if flag.provider is None or flag.mode in {Mode.PINNED, Mode.BLIND}:
            return
        can_wait = self.policy.streams["bulk"].mail.postpone
        assert flag.sending != (can_wait and other.mode in {Mode.FAILOVER, Mode.EXHAUSTED})

    @invariant()
    def a_message_goes_where_it_may_and_a_stream_that_sends_has_a_way(self) -> None:
        spent = {"a": Spent(closed_to_us=True), "c": Spent(today=10**6)}
        for name, state in self.fleet.streams.items():
            for recipient in ("x@example.com", "x@example.eu", ""):
                letter = Letter(stream=name, recipient=recipient)
                way = route(self.fleet, self.policy, letter, self.now, spent, wanted=("a", "z", "d"))
                assert way.because
                assert all(self.fleet.breakers[provider].enabled for provider in way.providers)
                assert len(set(way.providers)) == len(way.providers)
                if recipient.endswith(".eu") and name == "bulk":
                    assert set(way.providers) <= set("cd")
                else:
                    assert bool(way.providers) == state.flag.sending
                if not way.providers and not way.test:
                    assert way.waiting_for or way.wake_at

    @invariant()
    def a_pin_holds(self) -> None:
        for state in self.fleet.streams.values():
            if state.pin is not None:
                assert (state.flag.provider, state.flag.mode) == (state.pin.provider, Mode.PINNED)
                assert self.now < state.pin.until

    @invariant()
    def a_flag_never_stays_on_an_open_breaker_while_a_ready_one_exists(self) -> None:
        for name, state in self.fleet.streams.items():
            if state.flag.mode in {Mode.PINNED, Mode.BLIND} or state.flag.provider is None:
                continue
            order = order_of(state, self.policy.streams[name], self.now)
            ready = [n for n in order if self.lets_through(n) and self.is_ready(name, self.fleet.breakers[n])]
            if ready:
                assert self.lets_through(state.flag.provider)

    def lets_through(self, name: str) -> bool:
        breaker = self.fleet.breakers[name]
        return breaker.closed or (breaker.enabled and self.policy.providers[name].shadow)

    def is_ready(self, stream: str, breaker: Breaker) -> bool:
        covered = not self.policy.streams[stream].require_dns or breaker.dns != "none"
        return covered and (not breaker.runs or self.policy.providers[breaker.provider].shadow)

    @invariant()
    def every_state_has_a_way_out(self) -> None:
        for breaker in self.fleet.breakers.values():
            opening = breaker.opening
            if breaker.state is BreakerState.OPEN:
                assert opening is not None
                assert opening.closes_by_rate or opening.trial_at is not None
            elif breaker.state is BreakerState.HALF_OPEN:
                assert opening is not None
                assert opening.trial_at is not None or opening.trial_expires_at is not None
            else:
                assert opening is None
            due = opening and not opening.closes_by_rate and self.fleet.blindness is None
            assert not due or self.wake_at is not None

    @invariant()
    def incidents_match_what_is_out(self) -> None:
        out = {f"provider/{n}" for n, b in self.fleet.breakers.items() if b.enabled and not b.closed}
        blind = {"agent"} if self.fleet.blindness is not None else set()
        assert set(self.fleet.incidents) == out | blind
        ids = [incident.id for incident in self.fleet.incidents.values()]
        assert len(set(ids)) == len(ids)

    @invariant()
    def the_fleet_survives_being_stored(self) -> None:
        stored = replace(self.fleet, breakers=dict(self.fleet.breakers), streams=dict(self.fleet.streams))
        assert codec.loads(Fleet, codec.dumps(stored)) == stored


Deciding.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestDeciding = Deciding.TestCase
