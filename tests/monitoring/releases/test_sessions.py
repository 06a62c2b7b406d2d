"""Sessions from the door to the hour they count in."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring.applications.models import Application
from monitoring.losses.models import LossAccount
from monitoring.partitions import SESSIONS
from monitoring.releases.models import Release, ReleaseHour
from monitoring.repetitions import forget_bodies
from tests.support.errors import make_envelope, make_event, make_public_key, report, send_envelope
from tests.support.metrics import make_application
from tests.support.releases import hours_ago, make_session, store_sessions

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    return make_application()


def counts(application: Application) -> list[tuple[int, ...]]:
    hours = ReleaseHour.objects.filter(application=application).order_by("release_id", "environment", "hour")
    return list(hours.values_list("sessions", "errored", "abnormal", "crashed"))


def people() -> list[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT encode(user_key, 'hex'), worst FROM monitoring_session_user ORDER BY worst")
        return list(cursor.fetchall())


def account(application: Application) -> dict[str, int]:
    rows = LossAccount.objects.filter(application=application, signal="sessions")
    return {name: sum(getattr(row, name) for row in rows) for name in ("received", "stored", "refused", "limited")}


def test_session__from_start_to_crash__counts_once_as_crashed(application: Application) -> None:
    first = make_session(did="u1")
    store_sessions(application, first)
    assert counts(application) == [(1, 0, 0, 0)]
    assert [worst for _, worst in people()] == [0]
    errored = {**first, "init": False, "errors": 1, "seq": 1}
    store_sessions(application, errored, errored)
    assert counts(application) == [(1, 1, 0, 0)]
    crashed = {**first, "init": False, "status": "crashed", "errors": 2, "seq": 2}
    store_sessions(application, crashed)
    store_sessions(application, first, errored, crashed)
    assert counts(application) == [(1, 0, 0, 1)]
    assert [worst for _, worst in people()] == [3]
    assert Release.objects.get().version == "erp@1"


def test_sessions__of_days_ago_and_of_two_releases__are_apart(application: Application) -> None:
    old = make_session(started=hours_ago(80).isoformat())
    other = make_session(attrs={"release": "erp@2", "environment": "staging"}, status="exited")
    store_sessions(application, old, other, make_session())
    assert sorted(counts(application)) == [(1, 0, 0, 0)] * 3
    assert Release.objects.count() == 2
    assert hours_ago(80).date() in SESSIONS.list_days()


def test_session__error_digested_before_or_after__is_the_same_release(application: Application) -> None:
    report(application, make_event(release="erp@1"))
    store_sessions(application, make_session(status="crashed"))
    report(application, make_event(release="erp@1"))
    assert Release.objects.get().version == "erp@1"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_sessions__reports_in_any_batches_and_order__count_the_same(application: Application, data: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE monitoring_session, monitoring_session_user")
    ReleaseHour.objects.all().delete()
    statuses = st.sampled_from(["ok", "exited", "errored", "abnormal", "crashed"])
    sessions = [make_session(did="u") for _ in range(3)]
    reports = data.draw(st.lists(st.tuples(st.integers(0, 2), statuses), min_size=1, max_size=12))
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=len(reports)))
    order = ["healthy", "errored", "abnormal", "crashed"]
    worst: dict[int, int] = {}
    for number, status in reports:
        worst[number] = max(worst.get(number, 0), order.index(status) if status in order else 0)
    place = 0
    for size in sizes:
        chunk = reports[place : place + size]
        if chunk:
            store_sessions(application, *({**sessions[number], "status": status} for number, status in chunk))
        place += size
    found = [sum(column) for column in zip(*counts(application), strict=True)]
    assert found == [len(worst), *(sum(value == kind for value in worst.values()) for kind in (1, 2, 3))]
    assert [value for _, value in people()] == [max(worst.values())]


def send(client: Client, application: Application, key: str, *items: tuple[str, Any], **header: Any) -> Any:
    return send_envelope(client, application, key, make_envelope(*items, **header))


def test_envelope__session__is_stored(client: Client, application: Application) -> None:
    key = make_public_key(application)
    answer = send(client, application, key, ("session", make_session(status="errored")))
    assert answer.status_code == 200
    assert counts(application) == [(1, 1, 0, 0)]
    assert account(application) == {"received": 1, "stored": 1, "refused": 0, "limited": 0}


def test_envelope__session_without_release__is_refused_with_the_reason(
    client: Client, application: Application
) -> None:
    answer = send(client, application, make_public_key(application), ("session", make_session(attrs={})))
    assert answer.status_code == 400
    assert "release" in answer.json()["detail"]
    assert account(application)["refused"] == 1
    for broken in (b"{", b"[]", b"5", b"\xff"):
        assert send(client, application, make_public_key(application), ("sessions", broken)).status_code == 400
    assert counts(application) == []


def test_envelope__counted_sessions__are_added_and_a_repetition_is_not(
    client: Client, application: Application
) -> None:
    key = make_public_key(application)
    started = timezone.now().replace(second=0, microsecond=0).isoformat()
    body = {
        "attrs": {"release": "erp@1"},
        "aggregates": [
            {"started": started, "exited": 5, "errored": 2, "crashed": 1},
            {"started": "never", "exited": 1},
        ],
    }
    for _ in range(2):
        assert (
            send(client, application, key, ("sessions", body), sent_at="2026-01-01T00:00:00.000001Z").status_code == 200
        )
    assert counts(application) == [(8, 2, 0, 1)]
    send(client, application, key, ("sessions", body), sent_at="2026-01-01T00:00:00.000002Z")
    send(client, application, key, ("sessions", body))
    send(client, application, key, ("sessions", body))
    assert counts(application) == [(32, 8, 0, 4)]
    assert account(application) == {"received": 45, "stored": 40, "refused": 5, "limited": 0}
    assert forget_bodies(now=timezone.now()) == 0
    assert forget_bodies(now=hours_ago(-2)) == 2
