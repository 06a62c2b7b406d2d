"""What a rule watches for missing data: the series of its condition, without the filter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.builtin import BUILTIN_RULES
from alerts.conditions import BadCondition, check_condition
from alerts.labels import identify_series
from alerts.watched import find_watched
from monitoring.metrics import promql

T = 600_000
NAMES = ("a", "b")
HOSTS = ("x", "y")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("a > 0.8", ["a"]),
        ("0.8 < (a)", ["a"]),
        ("a > 1 <= 5", ["a"]),
        ("a > scalar(b)", ["a"]),
        ("a", ["a"]),
        ("a > b", ["a + b"]),
        ("a > on (host) group_left (x) b", ["a + on (host) group_left (x) b"]),
        ("a > 1 and on () b > 2", ["a"]),
        ("a > 1 unless b", ["a"]),
        ("a > 1 or b > 2", ["a", "b"]),
        ("a > 1 or a > 2", ["a"]),
        ("(a > 1 or b > 2) > 3", ["a", "b"]),
        ("sum by (host) (a > 1) > 2", ["sum by (host) (a)"]),
        ("count(a and b) > 2", ["count(a)"]),
        ("topk(3, a) > 2", ["a"]),
        ("abs(a > 1) * 2", ["abs(a) * 2"]),
        ("-(a > 1)", ["-a"]),
        ("a / b > 0.5", ["a / b"]),
        ("(a > bool 1) + (b > 2)", ["(a > bool 1) + b"]),
        ("rate(a[1m]) > 1", ["rate(a[1m])"]),
    ],
)
def test_find_watched__condition__its_series_without_the_filter(condition: str, expected: list[str]) -> None:
    assert [query.expression for query in find_watched(condition)] == [
        promql.parse(each).expression for each in expected
    ]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("absent(a)", "absent() looks for missing data by itself"),
        ("a > 1 or absent_over_time(a[5m])", "absent_over_time() looks for"),
        ('count_values("v", a) > 3', "count_values"),
        ("vector(1) > 0", "reads no metric"),
        ("a >", "Invalid query"),
    ],
)
def test_find_watched__nothing_that_could_be_missing__refused_in_words(condition: str, message: str) -> None:
    with pytest.raises(BadCondition, match=message.replace("(", r"\(").replace(")", r"\)")):
        find_watched(condition)


def test_find_watched__built_in_rules__those_that_watch_can() -> None:
    assert [len(find_watched(rule.condition)) for rule in BUILTIN_RULES if rule.no_data_after_seconds] == [1]


CONDITIONS = st.recursive(
    st.sampled_from(["a", "b", "sum by (host) (a)", "rate(a[1m])"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([">", "<=", "=="]), st.integers(0, 3)).map(
            lambda t: f"({t[0]}) {t[1]} {t[2]}"
        ),
        st.tuples(inner, st.sampled_from(["and", "unless", "or", ">", "+"]), inner).map(
            lambda t: f"({t[0]}) {t[1]} on (host) ({t[2]})"
        ),
        inner.map(lambda text: f"topk(1, {text})"),
        inner.map(lambda text: f"max by (host) ({text})"),
    ),
    max_leaves=4,
)


def _answer(query: promql.Query, storage: promql.Storage) -> set[tuple[tuple[str, str], ...]]:
    answer = promql.evaluate_instant(query, storage, T)
    assert isinstance(answer, promql.InstantVector)
    return {tuple(identify_series(labels).items()) for labels, _ in answer.elements}


@given(
    condition=CONDITIONS,
    samples=st.dictionaries(st.sampled_from([(n, h) for n in NAMES for h in HOSTS]), st.integers(0, 4)),
)
def test_find_watched__any_condition__what_meets_it_is_there(
    condition: str, samples: dict[tuple[str, str], int]
) -> None:
    storage = promql.MemoryStorage(
        [
            promql.SeriesData(
                {"__name__": name, "host": host},
                np.array([T - 30_000, T], dtype=np.int64),
                np.array([value, value], dtype=np.float64),
            )
            for (name, host), value in samples.items()
        ]
    )

    met = _answer(check_condition(condition), storage)
    present = set().union(*(_answer(query, storage) for query in find_watched(condition)))

    assert met <= present
