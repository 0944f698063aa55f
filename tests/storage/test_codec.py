"""Values to JSON and back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import IntEnum, StrEnum

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import first_fleet

from mailover.core.breaker import Breaker
from mailover.core.events import Event
from mailover.core.fleet import Fleet, Incident, StreamState
from mailover.core.observations import Observation
from mailover.errors import StorageError
from mailover.storage.codec import dumps, loads


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    level: Level
    name: str = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    at: datetime
    span: timedelta
    clock: time = time(0, 0)
    colour: Colour = Colour.RED
    inner: Inner | None = None
    by_level: Mapping[Level, tuple[Inner, ...]] = field(default_factory=dict)
    pairs: tuple[tuple[Colour, float], ...] = ()


OUTER = Outer(
    at=datetime(2026, 11, 21, 12, 0, 0, 1, tzinfo=UTC),
    span=timedelta(minutes=5, microseconds=1),
    clock=time(23, 59, 1),
    inner=Inner(level=Level.HIGH, name="ünï\0"),
    by_level={Level.LOW: (Inner(level=Level.LOW),)},
    pairs=((Colour.RED, 1.5),),
)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
st.register_type_strategy(timedelta, st.timedeltas(timedelta(0), timedelta(days=3650)))
st.register_type_strategy(float, st.floats(allow_nan=False))
st.register_type_strategy(object, JSON_VALUES)


def test_a_value_is_written_in_contract_words_and_comes_back() -> None:
    written = json.loads(dumps(OUTER))
    assert written["by_level"] == {"LOW": [{"level": "LOW", "name": "nobody"}]}
    assert written["colour"] == "red"
    assert written["span"] == 300.000001
    assert loads(Outer, dumps(OUTER)) == OUTER


def test_a_field_that_a_newer_version_wrote_is_ignored() -> None:
    assert loads(Inner, '{"level": "LOW", "name": "x", "invented": 1}') == Inner(level=Level.LOW, name="x")


def test_a_field_that_an_older_version_did_not_know_takes_its_default() -> None:
    assert loads(Inner, '{"level": "LOW"}') == Inner(level=Level.LOW)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", '{"level": "NONE"}', '{"level": 1}', '{"level": "LOW"', '"level"', "7"]
)
def test_what_is_no_such_value_is_a_storage_error(text: str) -> None:
    with pytest.raises(StorageError, match="a stored Inner cannot be read"):
        loads(Inner, text)


def test_a_type_without_json_is_a_defect_seen_at_once() -> None:
    with pytest.raises(TypeError, match="no JSON is known for"):
        dumps(complex(1))


@pytest.mark.parametrize("kind", [Breaker, StreamState, Event, Incident, Observation, Fleet])
def test_everything_the_store_keeps_comes_back_as_it_was(kind: type) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.from_type(kind))
    def check(value: object) -> None:
        assert loads(kind, dumps(value)) == value

    check()


def test_a_founded_fleet_comes_back_as_it_was() -> None:
    fleet = first_fleet()
    assert loads(Fleet, dumps(fleet)) == fleet
