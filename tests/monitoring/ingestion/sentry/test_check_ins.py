"""Check-ins: jobs that report by Sentry's SDKs, or by an address that curl calls, are heartbeats."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import time_machine
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.live_server_helper import LiveServer

from monitoring.applications.models import Application
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import sum_by_signal
from monitoring.uptime.check_ins import CheckIn, CheckInInvalid, read_check_in
from monitoring.uptime.enums import CheckState
from monitoring.uptime.models import Check, CheckResult
from monitoring.uptime.services import check_ins
from tests.support.errors import make_envelope, make_public_key, send_envelope
from tests.support.metrics import NOW, make_application

CONFIG = {
    "schedule": {"type": "crontab", "value": "0 3 * * *"},
    "timezone": "Europe/Berlin",
    "checkin_margin": 10,
    "max_runtime": 90,
}


@pytest.fixture
def application(db: None) -> Application:
    return make_application()


def send(client: Client, application: Application, *told: dict[str, Any]) -> Any:
    items = [("check_in", {"monitor_slug": "nightly-post", "status": "ok", **each}) for each in told]
    return send_envelope(client, application, make_public_key(application), make_envelope(*items))


def counted(application: Application) -> tuple[int, int]:
    total = sum_by_signal(application_id=application.pk, since=NOW - timedelta(days=9999))[Signal.CHECK_INS]
    return total.stored, total.refused


@time_machine.travel(NOW, tick=False)
def test_check_in__that_says_when_it_comes__makes_a_heartbeat(client: Client, application: Application) -> None:
    assert send(client, application, {"monitor_config": CONFIG, "duration": 12.5}).status_code == 200
    check = Check.objects.get()
    assert (check.kind, check.name, check.slug, check.state) == ("heartbeat", "nightly-post", "nightly-post", "up")
    assert (check.schedule, check.time_zone, check.grace_seconds, check.max_runtime_seconds) == (
        "0 3 * * *",
        "Europe/Berlin",
        600,
        5400,
    )
    assert CheckResult.objects.get().duration_seconds == 12.5


@time_machine.travel(NOW, tick=False)
def test_check_in__start_then_failure__is_running_then_down(client: Client, application: Application) -> None:
    run = str(uuid4())
    send(client, application, {"status": "in_progress", "check_in_id": run, "monitor_config": CONFIG})
    assert Check.objects.get().started_at == NOW
    send(client, application, {"status": "error", "check_in_id": run})
    assert (Check.objects.get().state, Check.objects.get().started_at) == (CheckState.DOWN, None)


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(("status", "state"), [("ok", CheckState.UP), ("error", CheckState.DOWN)])
def test_check_in__start_that_comes_after_the_end__changes_nothing(
    client: Client, application: Application, status: str, state: CheckState
) -> None:
    send(client, application, {"monitor_config": CONFIG})
    run = str(uuid4())
    send(client, application, {"status": status, "check_in_id": run})
    send(client, application, {"status": "in_progress", "check_in_id": run})
    assert (Check.objects.get().state, Check.objects.get().started_at) == (state, None)


@pytest.mark.django_db(transaction=True)
def test_check_in__end_that_comes_before_the_start_is_stored__waits_for_it(live_server: LiveServer) -> None:
    application, run = make_application(), str(uuid4())
    key = make_public_key(application)

    def post(**told: Any) -> int:
        body = make_envelope(("check_in", {"monitor_slug": "nightly", "check_in_id": run, **told}))
        headers = {"X-Sentry-Auth": f"Sentry sentry_key={key}"}
        url = f"{live_server.url}/api/{application.pk}/envelope/"
        return httpx.post(url, content=body, headers=headers).status_code

    with ThreadPoolExecutor(1) as pool:
        end = pool.submit(post, status="ok")
        time.sleep(0.2)
        assert post(status="in_progress", monitor_config=CONFIG) == 200
        assert end.result() == 200
    assert (Check.objects.get().state, Check.objects.get().started_at) == (CheckState.UP, None)


@time_machine.travel(NOW, tick=False)
def test_check_in__the_same_twice__is_noted_once(client: Client, application: Application) -> None:
    told = {"check_in_id": str(uuid4()), "monitor_config": CONFIG}
    for _ in range(2):
        assert send(client, application, told, told).status_code == 200
    assert CheckResult.objects.count() == 1


@time_machine.travel(NOW, tick=False)
def test_check_in__new_schedule__changes_the_heartbeat_and_keeps_its_name(
    client: Client, application: Application
) -> None:
    send(client, application, {"monitor_config": CONFIG})
    Check.objects.update(name="Posting of the night")
    every_hour = {"schedule": {"type": "interval", "value": 1, "unit": "hour"}}
    send(client, application, {"monitor_config": every_hour})
    check = Check.objects.get()
    assert (check.name, check.schedule, check.interval_seconds, check.state) == ("Posting of the night", "", 3600, "up")
    assert check.due_at == NOW + timedelta(hours=1, minutes=5)


def test_check_in__of_nobody__is_refused_with_what_to_do(client: Client, application: Application) -> None:
    answer = send(client, application, {})
    assert (answer.status_code, "send monitor_config" in answer.json()["detail"]) == (400, True)
    assert counted(application) == (0, 1)


@pytest.mark.parametrize(
    "told",
    [
        {"status": "maybe"},
        {"monitor_slug": "///"},
        {"monitor_slug": 7},
        {"monitor_config": {"schedule": {"type": "crontab", "value": "every night"}}},
        {"monitor_config": {"schedule": {"type": "interval", "value": 0, "unit": "hour"}}},
        {"monitor_config": {"schedule": {"type": "interval", "value": 1, "unit": "blink"}}},
        {"monitor_config": {**CONFIG, "timezone": "Mars/Olympus"}},
        {"monitor_config": {}},
    ],
)
def test_check_in__that_makes_no_sense__is_refused(
    client: Client, application: Application, told: dict[str, Any]
) -> None:
    assert send(client, application, {"monitor_config": CONFIG, **told}).status_code == 400
    assert not Check.objects.exists()


def test_cron_address__called_by_curl__reports(client: Client, application: Application) -> None:
    key = make_public_key(application)
    send(client, application, {"monitor_config": CONFIG})
    address = f"/api/{application.pk}/cron/nightly-post/"
    assert client.get(f"{address}{key}/", {"status": "in_progress"}).status_code == 200
    assert Check.objects.get().started_at is not None
    assert client.get(address.rstrip("/"), {"status": "in_progress", "sentry_key": key}).status_code == 200
    assert client.get(f"{address}{key}", {"status": "ok", "duration": "1500"}).status_code == 200
    assert CheckResult.objects.order_by("-at", "-pk").first().duration_seconds == 1.5  # type: ignore[union-attr]
    assert (
        client.post(address, {}, "application/json", QUERY_STRING=f"sentry_key={key}&status=error").status_code == 200
    )
    assert Check.objects.get().state == CheckState.DOWN
    assert client.get(f"/api/{application.pk}/cron/unknown/{key}/").status_code == 400
    assert client.get(address).status_code == 403
    assert client.get(f"{address}wrong/").status_code == 401
    made = {"monitor_config": CONFIG}
    assert client.post(f"/api/{application.pk}/cron/Weekly Report/{key}/", made, "application/json").status_code == 200
    assert Check.objects.filter(slug="weekly-report").exists()


values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)


@given(
    st.dictionaries(
        st.sampled_from(["monitor_slug", "status", "duration", "check_in_id", "monitor_config"]),
        values
        | st.dictionaries(
            st.sampled_from(["schedule", "timezone", "checkin_margin", "max_runtime"]),
            values | st.dictionaries(st.sampled_from(["type", "value", "unit"]), values),
        ),
    )
)
def test_read_check_in__anything__is_one_or_refused(told: dict[str, Any]) -> None:
    try:
        found = read_check_in(told, application_id=7, received_at=NOW)
    except CheckInInvalid:
        return
    assert isinstance(found, CheckIn)


def test_check_in__more_heartbeats_than_programs_may_make__is_refused_and_counted(
    client: Client, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_ins, "MAX_MADE", 1)
    config = {"schedule": {"type": "interval", "value": 1, "unit": "hour"}}
    for slug, status in (("one", 200), ("two", 400), ("one", 200)):
        answer = send(client, application, {"monitor_slug": slug, "monitor_config": config})
        assert answer.status_code == status, answer.content
    assert Check.objects.filter(application=application).count() == 1
