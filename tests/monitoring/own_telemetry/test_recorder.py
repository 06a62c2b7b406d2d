"""What the product notices about itself, kept like any other application's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models import Sum
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import resolve
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from monitoring.applications import selectors
from monitoring.applications.enums import OWN_ENVIRONMENT
from monitoring.applications.models import Application
from monitoring.errors.models import ErrorEvent
from monitoring.errors.services.digesting import digest_batch
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import sum_by_signal
from monitoring.own_telemetry import recorder as recording
from monitoring.own_telemetry.logs import MAX_PER_MINUTE, RecordOwnErrors
from monitoring.own_telemetry.queries import time_query
from monitoring.own_telemetry.recorder import Recorder
from monitoring.own_telemetry.requests import RecordOwnRequests, find_endpoint
from monitoring.own_telemetry.sampling import DOOR_SHARE, find_share, find_weight, is_silent
from monitoring.own_telemetry.surroundings import Surroundings, enter
from monitoring.performance.models import EndpointHour, Query, Request
from monitoring.performance.services.dictionaries import forget_dictionaries
from monitoring.performance.services.rolling_up import REQUEST_SUMS, roll_up
from tests.support.metrics import make_application


class Still(Recorder):
    """A recorder that is emptied by the test instead of by its thread."""

    def _start(self) -> None:
        """Start nothing."""


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Still:
    still = Still()
    for place in ("recorder", "requests", "queries"):
        monkeypatch.setattr(f"monitoring.own_telemetry.{place}.recorder", still)
    return still


@pytest.fixture
def own(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    monkeypatch.setattr(selectors, "_own", None)
    yield make_application(environment=OWN_ENVIRONMENT)
    selectors._own = None


def count(application: Application, signal: Signal) -> dict[str, int]:
    total = sum_by_signal(application_id=application.pk, since=timezone.now() - timedelta(hours=2))[signal]
    return {name: getattr(total, name) for name in ("stored", "sampled", "lost") if getattr(total, name)}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/issues/12/", "/api/v1/issues/{pk}/"),
        ("/api/12/envelope/", "/api/{application_id}/envelope/"),
        ("/api/v1/metrics", "/api/v1/metrics/"),
        ("/admin/login/", "/admin/login/"),
    ],
)
def test_find_endpoint__of_an_address__is_its_route(path: str, expected: str, rf: RequestFactory) -> None:
    request = rf.get(path)
    request.resolver_match = resolve(path)
    assert find_endpoint(request) == expected


def test_find_share__doors_and_pages__records_pages_all() -> None:
    assert find_share("POST", "/api/7/envelope/") == DOOR_SHARE
    assert find_share("POST", "/prometheus/api/v1/write") == DOOR_SHARE
    assert (find_share("GET", "/api/v1/errors/"), find_share("POST", "/api/v1/rules/")) == (1, 1)
    assert is_silent("/health/ready")
    assert not is_silent("/admin/")


def test_middleware__a_page_with_a_query__keeps_both_of_one_trace(
    own: Application, recorder: Still, rf: RequestFactory, settings: object
) -> None:
    settings.RECORD_ITSELF = True  # type: ignore[attr-defined]

    def answer(request: object) -> object:
        time_query(lambda *_: None, "SELECT * FROM alerts_alert WHERE id = %s", [7], False, {})
        return HttpResponse(status=404)

    RecordOwnRequests(answer)(rf.get("/admin/nothing/?token=secret"))  # type: ignore[arg-type]
    recorder.flush()
    request, query = Request.objects.get(), Query.objects.get()
    assert (request.status, request.failed, request.url, request.application_id) == (
        404,
        False,
        "/admin/nothing/",
        own.pk,
    )
    assert (query.statement.table, query.parameter_count) == ("alerts_alert", 1)
    assert request.trace_id == query.trace_id != ""
    assert count(own, Signal.TRANSACTIONS) == {"stored": 1}


def test_middleware__a_crash__is_a_failed_request(
    own: Application, recorder: Still, rf: RequestFactory, settings: object
) -> None:
    settings.RECORD_ITSELF = True  # type: ignore[attr-defined]

    def crash(request: object) -> object:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        RecordOwnRequests(crash)(rf.post("/api/7/envelope/"))  # type: ignore[arg-type]
    recorder.flush()
    assert Request.objects.values_list("status", "failed").get() == (500, True)


def test_middleware__doors_of_which_some_are_kept__count_as_all(
    own: Application, recorder: Still, rf: RequestFactory, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RECORD_ITSELF = True  # type: ignore[attr-defined]
    forget_dictionaries()
    drawn = iter([True, False, True, False])
    monkeypatch.setattr("monitoring.own_telemetry.requests.draw", lambda _: next(drawn))
    statuses = iter([200, 200, 503, 503])

    def answer(request: object) -> HttpResponse:
        time_query(lambda *_: None, "SELECT 1", None, False, {})
        return HttpResponse(status=next(statuses))

    for _ in range(4):
        RecordOwnRequests(answer)(rf.post("/api/7/envelope/"))
    recorder.flush()
    assert sorted(Request.objects.values_list("failed", "weight")) == [(False, DOOR_SHARE), (True, 1), (True, 1)]
    assert list(Query.objects.values_list("weight", flat=True)) == [DOOR_SHARE, DOOR_SHARE]
    roll_up(REQUEST_SUMS, now=timezone.now())
    hours = EndpointHour.objects.aggregate(Sum("count"), Sum("failed"))
    assert hours == {"count__sum": DOOR_SHARE + 2, "failed__sum": 2}


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([1, 10, 100])), min_size=1, max_size=50))
def test_find_weight__whatever_share_is_kept__counts_all_on_average(kinds: list[tuple[bool, int]]) -> None:
    for is_remarkable, share in kinds:
        chances = [(True, 1 / share), (False, 1 - 1 / share)]
        weights = [
            chance * find_weight(is_drawn=drawn, share=share, is_remarkable=is_remarkable) for drawn, chance in chances
        ]
        assert sum(weights) == pytest.approx(1)


def test_time_query__within_what_is_left_out__is_counted_as_sampled(own: Application, recorder: Still) -> None:
    enter(Surroundings(lambda: "job", is_kept=False))
    time_query(lambda *_: None, "SELECT 1", None, False, {})
    enter(None)
    recorder.flush()
    assert count(own, Signal.QUERIES) == {"sampled": 1}
    assert not Query.objects.exists()


def test_handler__an_exception_that_is_logged__becomes_an_error(own: Application, recorder: Still) -> None:
    handler = RecordOwnErrors()
    try:
        raise KeyError("unit")
    except KeyError:
        record = logging.getLogger("postlaunch.test").makeRecord(
            "postlaunch.test",
            logging.ERROR,
            __file__,
            1,
            "rule %s can't be evaluated",
            (7,),
            __import__("sys").exc_info(),
        )
    enter(Surroundings(lambda: "/rules/{pk}/", method="GET", url="/rules/7/"))
    handler.emit(record)
    enter(None)
    recorder.flush()
    digest_batch()
    event = ErrorEvent.objects.get()
    assert (event.title, event.tags["endpoint"], event.tags["logger"]) == (
        "KeyError: 'unit'",
        "/rules/{pk}/",
        "postlaunch.test",
    )
    assert event.trace_id


def test_handler__more_than_a_minute_holds__counts_the_rest(own: Application, recorder: Still) -> None:
    handler = RecordOwnErrors()
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "again", (), None)
    for _ in range(MAX_PER_MINUTE + 5):
        handler.emit(record)
    recorder.flush()
    total = sum_by_signal(application_id=own.pk, since=timezone.now() - timedelta(hours=2))[Signal.ERRORS]
    assert total.stored + total.limited == MAX_PER_MINUTE + 5
    assert total.stored >= MAX_PER_MINUTE


def test_recorder__a_full_buffer__counts_the_rest_as_lost(
    own: Application, recorder: Still, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MAX_WAITING", 1)
    enter(Surroundings(lambda: "page"))
    for _ in range(3):
        time_query(lambda *_: None, "SELECT 1", None, False, {})
    enter(None)
    recorder.flush()
    assert count(own, Signal.QUERIES) == {"stored": 1, "lost": 2}


def test_pages__recording_switched_off__work_as_before(client: Client, db: None) -> None:
    assert client.get("/admin/login/").status_code == 200
