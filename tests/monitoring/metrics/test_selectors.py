"""Reading across fresh points, chunks, minutes and hours."""

from __future__ import annotations

import math

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from monitoring.applications.models import Application
from monitoring.metrics import reading
from monitoring.metrics.aging import keep_minutes
from monitoring.metrics.catalogue import list_label_values, list_labels, list_series
from monitoring.metrics.promql import (
    InstantVector,
    LimitExceeded,
    Matcher,
    MemoryStorage,
    SelectHint,
    SeriesData,
    evaluate_instant,
    parse,
)
from monitoring.metrics.rollup import DAY_MS, HOUR_MS
from monitoring.metrics.selectors import RecentSnapshot, SeriesStorage
from tests.support.metrics import NOW_MS, RAW, make_application, pack, read, store

MINUTE = 60_000


def answer(query: str, storage: object, time_ms: int = NOW_MS) -> dict[tuple[tuple[str, str], ...], float]:
    value = evaluate_instant(parse(query), storage, time_ms)  # type: ignore[arg-type]
    assert isinstance(value, InstantVector)
    return {tuple(sorted(labels.items())): number for labels, number in value.elements}


@pytest.fixture
def week() -> tuple[Application, MemoryStorage]:
    """A counter with resets and a gauge over 6.9 days: packed in three slots, the newest part fresh."""
    application = make_application()
    times = np.arange(NOW_MS - 69 * DAY_MS // 10, NOW_MS + 1, 10 * MINUTE, dtype=np.int64)
    rng = np.random.default_rng(3)
    gauge = np.round(rng.normal(size=times.size), 3)
    counter = np.cumsum(rng.integers(0, 5, times.size)).astype(np.float64) % 800
    names = {"load": gauge, "requests_total": counter}
    for part in np.array_split(np.arange(times.size), 4):
        for name, values in names.items():
            store(application, [(name, int(times[place]), float(values[place])) for place in part])
        if part[-1] != times.size - 1:
            pack()
    memory = MemoryStorage([SeriesData({"__name__": name}, times, values) for name, values in names.items()])
    return application, memory


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [
        "load",
        "avg_over_time(load[3d])",
        "max_over_time(load[90m])",
        "rate(requests_total[6d])",
        "increase(requests_total[3h])",
        "stddev_over_time(load[5d])",
        "changes(load[4d])",
    ],
)
def test_select__fresh_and_packed__answers_as_points_in_memory_do(
    week: tuple[Application, MemoryStorage], query: str
) -> None:
    application, memory = week
    stored = answer(query, SeriesStorage(application.pk, now_ms=NOW_MS))
    assert stored == pytest.approx(answer(query, memory), rel=1e-12)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "tolerance"),
    [
        ("sum_over_time(load[30d])", 1e-9),
        ("count_over_time(load[30d])", 0),
        ("min_over_time(load[30d])", 0),
        ("max_over_time(load[30d])", 0),
        ("increase(requests_total[30d])", 1e-9),
        ("quantile_over_time(0.9, load[30d])", 0.02),
    ],
)
def test_select__a_month__is_answered_from_hours(
    week: tuple[Application, MemoryStorage], query: str, tolerance: float
) -> None:
    application, memory = week
    storage = SeriesStorage(application.pk, now_ms=NOW_MS)
    assert answer(query, storage) == pytest.approx(answer(query, memory), rel=tolerance)
    hint = SelectHint("sum_over_time", 30 * DAY_MS, 0)
    (series,) = read(application, "load", NOW_MS - 30 * DAY_MS, NOW_MS, hint)
    assert series.buckets is not None
    assert series.times.size < 69 * 24 // 10 + 300


@pytest.mark.django_db
def test_select__span_within_points__clips_at_both_ends() -> None:
    application = make_application()
    store(application, [("up", NOW_MS + place, float(place)) for place in range(5)])
    pack()
    store(application, [("up", NOW_MS + place, float(place)) for place in range(5, 10)])
    (series,) = read(application, "up", NOW_MS + 3, NOW_MS + 6)
    assert series.values.tolist() == [3.0, 4.0, 5.0, 6.0]
    assert read(application, "up", NOW_MS + 20, NOW_MS + 30) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("matchers", "wanted"),
    [
        ([("__name__", "=", "http")], {"a", "b", "c"}),
        ([("__name__", "=", "http"), ("code", "=", "200")], {"a"}),
        ([("__name__", "=", "http"), ("code", "!=", "200")], {"b", "c"}),
        ([("__name__", "=", "http"), ("code", "=", "")], {"c"}),
        ([("__name__", "=", "http"), ("code", "=~", "2..|5..")], {"a", "b"}),
        ([("__name__", "=~", "ht.*"), ("code", "!~", "5.+")], {"a", "c"}),
        ([("code", "=", "500")], {"b"}),
        ([("code", "=", "200"), ("code", "=", "500")], set()),
    ],
)
def test_select__every_matcher__selects_as_prometheus_does(
    matchers: list[tuple[str, str, str]], wanted: set[str]
) -> None:
    application = make_application()
    rows = [{"id": "a", "code": "200"}, {"id": "b", "code": "500"}, {"id": "c"}]
    store(application, [({"__name__": "http", **row}, NOW_MS, 1.0) for row in rows])
    store(make_application(), [({"__name__": "http", "id": "d", "code": "500"}, NOW_MS, 1.0)])
    storage = SeriesStorage(application.pk, now_ms=NOW_MS)
    found = storage.select([Matcher(*matcher) for matcher in matchers], 0, NOW_MS, RAW)
    assert {series.labels["id"] for series in found} == wanted


@pytest.mark.django_db
def test_catalogue__labels_values_and_series__are_listed_per_application() -> None:
    application = make_application()
    store(application, [({"__name__": "up", "job": "b"}, NOW_MS, 1.0), ({"__name__": "down", "job": "a"}, NOW_MS, 1.0)])
    store(make_application(), [({"__name__": "other", "host": "x"}, NOW_MS, 1.0)])
    only_up = [[Matcher("__name__", "=", "up")]]
    assert list_labels(application_id=application.pk) == ["__name__", "job"]
    assert list_label_values(application_id=application.pk, label="job") == ["a", "b"]
    assert list_label_values(application_id=application.pk, label="__name__") == ["down", "up"]
    assert list_label_values(application_id=application.pk, label="job", selectors=only_up) == ["b"]
    assert list_series(application_id=application.pk, selectors=only_up) == [{"__name__": "up", "job": "b"}]
    assert list_labels(application_id=make_application().pk) == []


@pytest.mark.django_db
def test_snapshot__many_queries__answer_as_one_by_one_with_the_same_few_statements() -> None:
    application = make_application()
    for name in ("load", "temperature"):
        points = [({"__name__": name, "host": f"h{n % 3}"}, NOW_MS - n * 10_000, float(n)) for n in range(90)]
        store(application, points[30:])
        pack()
        store(application, points[:30])
    queries = [f'{name}{{host="h{n}"}}' for name in ("load", "temperature") for n in range(3)]
    queries += ["avg by (host) (avg_over_time(load[5m]))", "max_over_time(load[2h])", "load offset 3m"]
    needs = [need for query in queries for need in parse(query).selectors()]
    with CaptureQueriesContext(connection) as few:
        snapshot = RecentSnapshot(application.pk, needs, now_ms=NOW_MS)
        for query in queries[:6]:
            answer(query, snapshot)
    assert len([row for row in few.captured_queries if "SAVEPOINT" not in row["sql"]]) <= 6
    single = SeriesStorage(application.pk, now_ms=NOW_MS)
    for query in queries:
        assert answer(query, snapshot) == answer(query, single)
        assert answer(query, snapshot)


@pytest.mark.django_db
def test_snapshot__nothing_needed__answers_nothing() -> None:
    snapshot = RecentSnapshot(make_application().pk, [], now_ms=NOW_MS)
    assert snapshot.select([Matcher("__name__", "=", "up")], NOW_MS, NOW_MS, RAW) == []


@pytest.mark.django_db
def test_select__series_that_ended__is_gone_at_once() -> None:
    application = make_application()
    stale = np.array([0x7FF0000000000002], np.int64).view(np.float64)[0]
    store(application, [("up", NOW_MS - 1000, 1.0), ("up", NOW_MS, float(stale))])
    storage = SeriesStorage(application.pk, now_ms=NOW_MS)
    assert answer("up", storage, NOW_MS - 1) == {(("__name__", "up"),): 1.0}
    assert answer("up", storage) == {}
    assert answer("sum_over_time(up[1m])", storage) == {(): 1.0}
    assert not math.isnan(answer("last_over_time(up[1m])", storage)[(("__name__", "up"),)])
    assert HOUR_MS == 60 * MINUTE


@pytest.mark.django_db
def test_select__more_than_fits_in_memory__is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    application = make_application()
    store(application, [("up", NOW_MS - turn * 1000, 1.0) for turn in range(50)])
    pack()
    monkeypatch.setattr("monitoring.metrics.reading.MAX_SAMPLES", 49)
    with pytest.raises(LimitExceeded):
        read(application, "up", NOW_MS - DAY_MS, NOW_MS)
    monkeypatch.setattr("monitoring.metrics.reading.MAX_SAMPLES", 50)
    assert len(read(application, "up", NOW_MS - DAY_MS, NOW_MS)[0].times) == 50


@pytest.mark.django_db
@pytest.mark.parametrize("function", ["avg_over_time", "quantile_over_time"])
def test_select__more_hours_than_fit_in_memory__is_refused(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    application = make_application()
    store(application, [("up", NOW_MS - turn * HOUR_MS, 1.0) for turn in range(100)])
    pack()
    hint = SelectHint(function, 30 * DAY_MS, 0)
    weight = reading.weigh_bucket(sketches=function == "quantile_over_time")
    monkeypatch.setattr(reading, "MAX_SAMPLES", 99 * weight)
    assert len(read(application, "up", NOW_MS - 30 * DAY_MS, NOW_MS, hint)) == 1
    monkeypatch.setattr(reading, "MAX_SAMPLES", 98 * weight)
    with pytest.raises(LimitExceeded):
        read(application, "up", NOW_MS - 30 * DAY_MS, NOW_MS, hint)


@pytest.mark.django_db
@pytest.mark.parametrize("every_ms", [1000, 15_000])
def test_select__more_minutes_than_fit_in_memory__is_refused(every_ms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    application = make_application()
    day = NOW_MS // DAY_MS * DAY_MS - DAY_MS
    rng = np.random.default_rng(3)
    store(application, [("up", day + turn * every_ms, float(rng.random())) for turn in range(3000)])
    pack()
    keep_minutes(day_ms=day)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM monitoring_point_chunk")
    later = NOW_MS + 8 * DAY_MS
    (series,) = read(application, "up", day, day + DAY_MS - 1, now_ms=later)
    size = series.times.size * (1 if series.buckets is None else reading.BUCKET_WEIGHT)
    monkeypatch.setattr(reading, "MAX_SAMPLES", size)
    assert len(read(application, "up", day, day + DAY_MS - 1, now_ms=later)) == 1
    monkeypatch.setattr(reading, "MAX_SAMPLES", size - 1)
    with pytest.raises(LimitExceeded):
        read(application, "up", day, day + DAY_MS - 1, now_ms=later)
    monkeypatch.setattr(reading, "MAX_SAMPLES", size)
    monkeypatch.setattr(reading, "COUNTED_FROM_ROWS", 0)
    monkeypatch.setattr(reading, "MAX_PAYLOAD_BYTES", 100)
    with pytest.raises(LimitExceeded):
        read(application, "up", day, day + DAY_MS - 1, now_ms=later)
