"""Whatever stands in the file or the environment, the answer is settings or a refusal, never another exception."""

import tomllib
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailover.config import Settings, build, show
from mailover.config.shape import Model, keys, named_tables, subtable
from mailover.errors import ConfigError


def words(model: Model | None) -> set[str]:
    if model is None:
        return set()
    inner = [words(subtable(field) or named_tables(field)) for field in keys(model).values()]
    return set(keys(model)).union(*inner)


KEYS = st.sampled_from([*sorted(words(Settings)), "a", "b", "x__y", "[key]", "{0}"])
TEXTS = [
    "ses",
    "sendgrid",
    "implicit",
    "none",
    "balance",
    "5s",
    "0s",
    "imap",
    "127.0.0.1:1",
    "[::1]:5",
    "::1",
    "UTC",
    "..",
    "/",
]
LEAVES = st.one_of(st.booleans(), st.integers(-5, 99999), st.floats(), st.text(max_size=5), st.sampled_from(TEXTS))
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=9
)
TABLES = st.dictionaries(st.sampled_from(["a", "b"]), st.dictionaries(KEYS, VALUES, max_size=5), max_size=2)
VARIABLES = st.lists(KEYS, min_size=1, max_size=4).map(lambda path: "MAILOVER_" + "__".join(path).upper())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(KEYS, VALUES, max_size=5),
    st.fixed_dictionaries({}, optional={"providers": TABLES, "streams": TABLES}),
    st.dictionaries(VARIABLES, st.text(max_size=6), max_size=3),
)
def test_nonsense_is_refused_in_words(document: dict[str, Any], tables: dict[str, Any], env: dict[str, str]) -> None:
    with suppress(ConfigError):
        assert tomllib.loads(show(build({**document, **tables}, env)))
