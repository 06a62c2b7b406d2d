"""Our answers beside those of Debian's Prometheus, for the same samples."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from typing import Any

import pytest

from monitoring.metrics.promql import (
    MemoryStorage,
    PromQLError,
    evaluate_instant,
    evaluate_range,
    parse,
    to_prometheus_json,
)
from monitoring.metrics.promql.catalogue import AGGREGATIONS, FUNCTIONS, OPERATORS
from tests.monitoring.metrics.promql.expressions import Expressions
from tests.monitoring.metrics.promql.oracle import Prometheus, run_prometheus
from tests.monitoring.metrics.promql.samples import LENGTH_MS, START_MS, make_series

pytestmark = pytest.mark.protocols

RELATIVE = 1e-9
INSTANT_QUERIES = 500
RANGE_QUERIES = 250
MIDDLE_MS = START_MS + LENGTH_MS // 2


@pytest.fixture(scope="module")
def storage() -> MemoryStorage:
    return MemoryStorage(make_series())


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with run_prometheus(tmp_path_factory.mktemp("prometheus")) as server:
        server.write(make_series())
        yield server


def pairs_of(data: dict[str, Any]) -> dict[Any, float]:
    """Every value of an answer by its labels and time."""
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        return {("scalar", float(result[0])): float(result[1])}
    pairs = {}
    for element in result:
        labels = tuple(sorted(element["metric"].items()))
        for time, value in element.get("values") or [element["value"]]:
            assert (labels, float(time)) not in pairs
            pairs[labels, float(time)] = float(value)
    return pairs


def is_close(ours: float, theirs: float) -> bool:
    if math.isnan(ours) or math.isnan(theirs):
        return math.isnan(ours) and math.isnan(theirs)
    return ours == theirs or math.isclose(ours, theirs, rel_tol=RELATIVE, abs_tol=1e-12)


def differences(ours: dict[str, Any] | None, theirs: dict[str, Any] | None) -> list[str]:
    """What differs between two answers; None is a refusal."""
    if ours is None or theirs is None:
        return [] if ours is theirs else [f"refused by {'us' if ours is None else 'Prometheus'} only"]
    if ours["resultType"] != theirs["resultType"]:
        return [f"{ours['resultType']} instead of {theirs['resultType']}"]
    if ours["resultType"] == "string":
        return [] if ours == theirs else [f"{ours} instead of {theirs}"]
    mine, reference = pairs_of(ours), pairs_of(theirs)
    found = [f"{key}: missing" for key in reference.keys() - mine.keys()]
    found += [f"{key}: too much" for key in mine.keys() - reference.keys()]
    found += [
        f"{key}: {mine[key]} instead of {reference[key]}"
        for key in mine.keys() & reference.keys()
        if not is_close(mine[key], reference[key])
    ]
    return found[:3]


def ask_us(text: str, storage: MemoryStorage, times: tuple[int, ...]) -> dict[str, Any] | None:
    try:
        query = parse(text)
        if len(times) == 1:
            return to_prometheus_json(evaluate_instant(query, storage, times[0]))
        return to_prometheus_json(evaluate_range(query, storage, *times))
    except PromQLError:
        return None


def ask_them(text: str, prometheus: Prometheus, times: tuple[int, ...]) -> dict[str, Any] | None:
    seconds = [f"{time_ms // 1000}.{time_ms % 1000:03d}" for time_ms in times]
    if len(times) == 1:
        return prometheus.ask("query", query=text, time=seconds[0])
    return prometheus.ask("query_range", query=text, start=seconds[0], end=seconds[1], step=seconds[2])


def compare(
    cases: list[tuple[str, tuple[int, ...]]], storage: MemoryStorage, prometheus: Prometheus
) -> dict[str, list[str]]:
    """Cases whose answers differ, with how."""
    found = {
        f"{text} at {times}": differences(ask_us(text, storage, times), ask_them(text, prometheus, times))
        for text, times in cases
    }
    return {case: wrong for case, wrong in found.items() if wrong}


@pytest.mark.parametrize("seed", range(3))
def test_instant_query__random_expression__answers_as_prometheus(
    seed: int, storage: MemoryStorage, prometheus: Prometheus
) -> None:
    source, clock = Expressions(seed), random.Random(seed)
    cases = [
        (source.query(), (START_MS + clock.randrange(-60_000, LENGTH_MS + 600_000),)) for _ in range(INSTANT_QUERIES)
    ]
    assert compare(cases, storage, prometheus) == {}


def pick_range(clock: random.Random) -> tuple[int, int, int]:
    step = clock.choice([1_000, 15_000, 60_000, 130_001, 1_000_000])
    start = START_MS + clock.randrange(-600_000, LENGTH_MS)
    return start, start + step * clock.randrange(0, 60), step


@pytest.mark.parametrize("seed", range(100, 103))
def test_range_query__random_expression__answers_as_prometheus(
    seed: int, storage: MemoryStorage, prometheus: Prometheus
) -> None:
    source, clock = Expressions(seed), random.Random(seed)
    cases = [(source.query(), pick_range(clock)) for _ in range(RANGE_QUERIES)]
    assert compare(cases, storage, prometheus) == {}


EDGES = [
    "load",
    "load[3m]",
    "load[3m] offset 5m",
    "odd[1h]",
    '"text"',
    "1e-7",
    "1e21",
    "time()",
    "2 ^ 3 ^ 2",
    "-1 ^ 2",
    "1 - -1",
    "7 % -3",
    "1 / 0",
    "0 / 0",
    "1 > bool 0",
    "+load",
    "-load",
    "absent(nothing)",
    'absent(nothing{job="a", zone=~"b", job="c"})',
    'absent((nothing{job="a"}))',
    "absent(sum(nothing))",
    'absent_over_time(nothing{job="a", zone!="b"}[5m])',
    "absent_over_time(load[5m])",
    'label_replace(load, "job", "", "", "")',
    'label_replace(load, "copy", "${1}$2-$3", "instance", "(?P<first>.)(.*)")',
    'label_replace(load, "copy", "$first", "instance", "(?P<first>.*)")',
    'label_replace(load, "instance", "same", "", "")',
    'rate({__name__=~"load|limit"}[5m])',
    '-{__name__=~"load|limit"}',
    'abs({__name__=~"load|limit"})',
    "load * on(job) limit",
    "limit * on(job) load",
    "load * on(job) group_left limit",
    "limit * on(job) group_right load",
    "load * on(job) group_left(instance) limit",
    "load == on(job) group_left limit",
    "limit < on(job) group_right load",
    "requests_total / on(job, instance) group_left(zone) load",
    "requests_total and on(job) limit",
    "load * on(job) group_left(version) build",
    "load * on(job) group_left(line) build",
    "load * on(job) group_left build",
    "limit + on(job) build",
    "build + on(job) limit",
    "build * on(job) group_right(version) load",
    "sum without (version, line) (build) * on(job) limit",
    "limit * on(job) group_left(version) last_over_time(build[1h])",
    "abs(build) or on(job) limit",
    'label_replace(build, "version", "x", "", "")',
    'label_replace(avg_over_time(build[10m]), "version", "", "", "")',
    "load or requests_total",
    "load or on() requests_total",
    "load unless on(instance) requests_total",
    "load > load",
    "load >= bool load",
    "5 < load",
    "5 < bool load",
    "sum by (__name__) ({job='api'})",
    "sum without (job) (load)",
    "sum by (job, job) (load)",
    "topk(2, load)",
    "bottomk by (job) (1, load)",
    "topk(NaN, load)",
    "topk(1e30, load)",
    "quantile by (job) (0.3, load)",
    'count_values("load", round(load / 10))',
    'count_values by (job) ("job", load > bool 10)',
    'count_values("9", load)',
    "histogram_quantile(0.9, sum by (le, job) (rate(wait_bucket[5m])))",
    "histogram_quantile(0.9, load)",
    "timestamp(load)",
    "timestamp(load offset 1m)",
    "timestamp(load + 0)",
    "scalar(load)",
    "scalar(lonely)",
    "vector(3)",
    "round(load, 0.5)",
    "round(load, 0)",
    "quantile_over_time(0.5, odd[10m])",
    "predict_linear(load[10m] offset 2m, 3600)",
    "stddev_over_time(odd[10m])",
    "sgn(load)",
    "floor(load)",
    "ceil(load)",
    "load{}",
    "{}",
    '{job=""}',
    '{job=~".*"}',
    '{job!=""}',
    'load{job=~"("}',
    "rate(load)",
    "load[5m] + 1",
    "sum(1)",
    "load +",
    "1 == 1",
    "foo(load)",
    "load offset 1m offset 1m",
    "load and 1",
]


@pytest.mark.parametrize("at", [(MIDDLE_MS,), (START_MS, MIDDLE_MS, 60_000)], ids=["instant", "range"])
def test_query__edge_of_the_language__answers_or_refuses_as_prometheus(
    at: tuple[int, ...], storage: MemoryStorage, prometheus: Prometheus
) -> None:
    assert compare([(text, at) for text in EDGES], storage, prometheus) == {}


def canonical(result: list[Any]) -> list[str]:
    """An answer's text, whatever the order of labels and elements."""
    return sorted(json.dumps(element, sort_keys=True) for element in result)


def test_answers__exact_values__have_prometheus_digits(storage: MemoryStorage, prometheus: Prometheus) -> None:
    for text in (
        "load[10m]",
        "odd[30m]",
        "load * 1e-9",
        "load * 1e22",
        "1e-7",
        "1e21",
        "NaN",
        "-Inf",
        "vector(0)",
        "time()",
    ):
        ours, theirs = ask_us(text, storage, (MIDDLE_MS,)), ask_them(text, prometheus, (MIDDLE_MS,))
        assert ours is not None
        assert theirs is not None
        assert canonical(ours["result"]) == canonical(theirs["result"])


def test_queries__all_seeds__reach_everything_supported() -> None:
    texts = EDGES + [source.query() for source in map(Expressions, range(3)) for _ in range(INSTANT_QUERIES)]
    written = " ".join(texts)
    # Prometheus 2.42 does not have it yet.
    assert {name for name in FUNCTIONS | AGGREGATIONS | OPERATORS if name not in written} == {"mad_over_time"}
