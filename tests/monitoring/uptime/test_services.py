"""Checks from wish to result: claims, states, stories, points, pings, maintenance."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction

from config.outbox.models import Event
from config.settings import OPTION
from monitoring.applications.models import Application
from monitoring.uptime import probing
from monitoring.uptime.drafts import CheckInvalid
from monitoring.uptime.enums import Ping
from monitoring.uptime.expectations import Expectations
from monitoring.uptime.judgement import Finding
from monitoring.uptime.models import KEPT_RESULTS, Check, CheckChange, CheckResult, MaintenanceWindow
from monitoring.uptime.probing import BROKEN, ProbePool, look_at, probe_one
from monitoring.uptime.selectors import list_durations, list_results, measure_availabilities
from monitoring.uptime.services.checks import (
    CheckPaused,
    NotProbed,
    check_now,
    create_check,
    delete_check,
    pause_check,
    resume_check,
    update_check,
)
from monitoring.uptime.services.maintenance import WindowInvalid, follow_windows, plan_maintenance
from monitoring.uptime.services.pings import note_ping
from monitoring.uptime.services.recording import record_states
from monitoring.uptime.services.results import MISSING, claim_check, finish_claim
from monitoring.uptime.services.upkeep import prune_stories
from tests.support.metrics import NOW, make_application, read, read_pairs
from tests.support.receiver import run_receiver
from tests.support.uptime import DOWN, UP, find, make_check, make_draft

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_now() -> Iterator[None]:
    """Services ask the clock; it stands at NOW."""
    with time_machine.travel(NOW, tick=False):
        yield


def at(seconds: float) -> datetime:
    """Return the time so many seconds after NOW."""
    return NOW + timedelta(seconds=seconds)


def reread(check: Check) -> Check:
    return Check.objects.get(pk=check.pk)


def story(check: Check) -> list[tuple[str, float]]:
    """Return what happened: (state, seconds after NOW)."""
    changes = check.changes.values_list("to_state", "at")
    return [(state, (moment - NOW).total_seconds()) for state, moment in changes]


def values(check: Check, name: str) -> list[float]:
    """Return the values of a metric of the check's application, oldest first."""
    return [value for _, value in read_pairs(check.application, name)]


def expect(check: Check) -> Check:
    """Have the first ping come at NOW."""
    note_ping(ping_key=check.ping_key, ping=Ping.SUCCESS, now=NOW)
    return reread(check)


def test_create__valid__is_due_at_once() -> None:
    check = create_check(draft=make_draft(name=" Login ", address=" https://erp.example.com "))

    assert (check.name, check.address, check.state, check.due_at) == ("Login", "https://erp.example.com", "new", NOW)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"kind": "icmp"}, "kind"),
        ({"address": "erp.example.com"}, "address"),
        ({"address": "ftp://erp.example.com"}, "address"),
        ({"address": "https://user:secret@erp.example.com"}, "address"),
        ({"address": "http://[::1"}, "address"),
        ({"kind": "tcp", "address": "erp.example.com"}, "address"),
        ({"kind": "tls", "address": ""}, "address"),
        ({"interval_seconds": 9}, "interval_seconds"),
        ({"timeout_seconds": 31}, "timeout_seconds"),
        ({"retries": 11}, "retries"),
        ({"tls_days": 0}, "tls_days"),
        ({"application_id": 0}, "application"),
        ({"expected": Expectations(statuses="ok")}, "statuses"),
        ({"expected": Expectations(body_pattern="(")}, "body_pattern"),
        ({"expected": Expectations(json_path="a[")}, "json_path"),
        ({"expected": Expectations(json_value="ok")}, "json_path"),
        ({"expected": Expectations(header_value="ok")}, "header_name"),
    ],
)
def test_create__anything_wrong__named_and_not_stored(fields: dict[str, object], field: str) -> None:
    with pytest.raises(CheckInvalid) as refused:
        create_check(draft=make_draft(**fields))

    assert list(refused.value.errors) == [field]
    assert not Check.objects.exists()


def test_claim__due_ones__the_longest_due_first_and_each_once() -> None:
    first, second = make_check(), make_check()
    Check.objects.filter(pk=second.pk).update(due_at=NOW - timedelta(seconds=1))

    claims = [claim_check(now=NOW) for _ in range(3)]

    assert [claim.check if claim else None for claim in claims] == [second, first, None]


def test_claim__worker_gone__free_again_after_its_lease() -> None:
    check = make_check(timeout_seconds=10)
    lost = claim_check(now=NOW)
    assert claim_check(now=at(69)) is None
    again = claim_check(now=at(71))
    assert lost is not None
    assert again is not None

    assert finish_claim(claim=lost, finding=DOWN, now=at(72)) is None
    assert finish_claim(claim=again, finding=UP, now=at(72)) == check


def test_results__up_failing_down_up__story_since_the_first_failure() -> None:
    check = make_check(retries=1)
    find(check, UP)
    assert find(check, DOWN, at=60).due_at == at(75)
    find(check, DOWN, at=75)
    find(check, Finding(False, "Another reason."), at=135)
    check = find(check, UP, at=195)

    assert story(check) == [("up", 0), ("pending", 60), ("down", 60), ("up", 195)]
    assert check.changes.get(to_state="down").reason == DOWN.reason
    assert list(Event.objects.order_by("id").values_list("type", flat=True)) == ["check.down", "check.up"]
    assert check.due_at == at(255)


def test_results__down_and_up__points_that_rules_and_charts_read() -> None:
    check = make_check(retries=0)
    find(check, UP)
    find(check, DOWN, at=60)
    check = find(check, UP, at=120)

    assert values(check, "uptime_check_up") == [1, 0, 1]
    assert values(check, "uptime_check_down") == [1, 0]
    assert values(check, "uptime_check_duration_seconds") == [0.2, 0.2]


def test_results__renamed_and_other_reason_while_down__still_the_same_series() -> None:
    check = make_check(retries=0)
    find(check, DOWN)
    update_check(check=check, draft=replace(reread(check).draft(), name="New name"))
    find(check, Finding(False, "Other."), at=60)
    check = find(check, UP, at=120)

    assert values(check, "uptime_check_down") == [1, 1, 0]


def test_results__many__the_newest_are_kept() -> None:
    check = make_check()
    for number in range(KEPT_RESULTS + 3):
        find(check, replace(UP, duration_seconds=float(number)), at=number)

    assert CheckResult.objects.count() == KEPT_RESULTS
    assert [one.duration_seconds for one in list_results(check, limit=2)] == [102.0, 101.0]
    assert list_durations([check.pk], limit=3) == {check.pk: [100.0, 101.0, 102.0]}


def test_record_states__every_minute__says_where_checks_stand() -> None:
    application = make_application()
    up, down = make_check(application), make_check(application, retries=0)
    make_check(application)
    find(up, UP)
    find(down, DOWN)

    assert record_states(now=at(60)) == 3
    assert values_of(application, "uptime_check_down") == {down.pk: [1, 1]}
    assert values_of(application, "uptime_check_up") == {up.pk: [1, 1], down.pk: [0, 0]}


def test_record_states__outage_over_for_an_hour__is_let_go() -> None:
    check = make_check(retries=0)
    find(check, DOWN)
    find(check, UP, at=60)
    record_states(now=at(120))
    assert values(check, "uptime_check_down") == [1, 0, 0]
    with time_machine.travel(at(3700), tick=False):
        record_states(now=at(3700))
        record_states(now=at(3760))

    assert values(check, "uptime_check_down") == [1, 0, 0, 0]


def values_of(application: Application, name: str) -> dict[int, list[float]]:
    """Return the values of a metric for each check."""
    return {int(dict(one.labels)["check_id"]): one.values.tolist() for one in read(application, name)}


def test_availability__stored_changes__measured_for_many_at_once() -> None:
    check, other = make_check(retries=0), make_check()
    find(check, UP, at=-7200)
    find(check, DOWN, at=-3600)
    find(check, UP, at=-1800)

    found = measure_availabilities([check.pk, other.pk], period=timedelta(hours=24), now=NOW)

    assert (found[check.pk].up_seconds, found[check.pk].down_seconds) == (5400, 1800)
    assert found[other.pk].ratio is None
    hour = measure_availabilities([check.pk], period=timedelta(hours=1), now=NOW)[check.pk]
    assert (hour.up_seconds, hour.down_seconds) == (1800, 1800)


def test_pause__while_down__outage_ends_and_nothing_is_due() -> None:
    check = make_check(retries=0)
    find(check, DOWN, at=-60)
    Check.objects.filter(pk=check.pk).update(due_at=NOW)
    claim = claim_check(now=NOW)

    assert pause_check(check=check, by="Ada")
    assert not pause_check(check=check, by="Ada")

    assert finish_claim(claim=claim, finding=DOWN, now=at(1)) is None
    check = reread(check)
    assert (check.state, check.due_at, check.failing_since) == ("paused", None, None)
    assert check.changes.last().reason == "Ada paused it."
    assert values(check, "uptime_check_down")[-1] == 0


def test_resume__paused__begins_anew() -> None:
    check = make_check()
    pause_check(check=check, by="Ada")

    assert resume_check(check=check, by="Ada")
    assert not resume_check(check=check, by="Ada")
    assert (reread(check).state, reread(check).due_at) == ("new", NOW)


def test_update__other_address__begins_anew() -> None:
    check = make_check(retries=0)
    find(check, DOWN)
    changed = update_check(check=check, draft=replace(check.draft(), address="https://other.example.com"))

    assert (changed.state, changed.failures, changed.due_at) == ("new", 0, NOW)


def test_update__while_it_is_looked_at__the_old_result_is_dropped() -> None:
    check = make_check(retries=0)
    claim = claim_check(now=NOW)
    update_check(check=check, draft=replace(check.draft(), address="https://other.example.com"))

    assert finish_claim(claim=claim, finding=DOWN, now=NOW) is None
    assert reread(check).state == "new"


def test_update__anything_wrong__nothing_changed() -> None:
    check = make_check()
    with pytest.raises(CheckInvalid):
        update_check(check=check, draft=replace(check.draft(), address=""))

    assert reread(check).address == check.address


def test_delete__while_down__its_outage_ends() -> None:
    check = make_check(retries=0)
    find(check, DOWN, at=-60)
    delete_check(check=check)

    assert not Check.objects.exists()
    assert values(check, "uptime_check_down") == [1, 0]


def test_check_now__paused_or_heartbeat__refused() -> None:
    paused, heartbeat = make_check(), make_check(kind="heartbeat")
    pause_check(check=paused, by="Ada")

    with pytest.raises(CheckPaused):
        check_now(check=paused)
    with pytest.raises(NotProbed):
        check_now(check=heartbeat)


def test_check_now__watched__due_at_once() -> None:
    check = make_check()
    find(check, UP)
    check_now(check=check)

    assert reread(check).due_at == NOW


def test_heartbeat__never_came__is_not_missed() -> None:
    assert make_check(kind="heartbeat", address="").due_at is None


def test_heartbeat__came__expected_after_interval_and_grace() -> None:
    check = expect(make_check(kind="heartbeat", interval_seconds=3600, grace_seconds=300))

    assert (check.state, check.due_at) == ("up", at(3900))
    assert claim_check(now=at(3899)) is None


def test_heartbeat__missing__down_once_and_up_with_the_next() -> None:
    check = expect(make_check(kind="heartbeat", interval_seconds=3600, grace_seconds=300, retries=5))
    claim = claim_check(now=at(3900))
    finish_claim(claim=claim, finding=look_at(claim), now=at(3900))
    assert (reread(check).state, reread(check).reason, reread(check).due_at) == ("down", MISSING, None)

    note_ping(ping_key=check.ping_key, ping=Ping.SUCCESS, now=at(5000))

    assert story(check) == [("up", 0), ("down", 3900), ("up", 5000)]


def test_heartbeat__comes_while_it_is_called_missing__stays_up() -> None:
    check = expect(make_check(kind="heartbeat", interval_seconds=60, grace_seconds=0))
    claim = claim_check(now=at(60))
    note_ping(ping_key=check.ping_key, ping=Ping.SUCCESS, now=at(61))

    assert finish_claim(claim=claim, finding=look_at(claim), now=at(62)) is None
    assert reread(check).state == "up"


def test_heartbeat__start_and_success__how_long_the_job_ran() -> None:
    check = expect(make_check(kind="heartbeat", interval_seconds=3600, grace_seconds=300))
    note_ping(ping_key=check.ping_key, ping=Ping.START, now=at(3000))
    assert reread(check).due_at == at(3300)
    with time_machine.travel(at(3020), tick=False):
        note_ping(ping_key=check.ping_key, ping=Ping.SUCCESS, now=at(3020))

    assert (reread(check).last_duration_seconds, reread(check).started_at) == (20, None)
    assert values(check, "uptime_check_duration_seconds") == [20]


def test_heartbeat__fail__down_at_once() -> None:
    check = expect(make_check(kind="heartbeat", retries=3))
    note_ping(ping_key=check.ping_key, ping=Ping.FAIL, now=at(10))

    assert (reread(check).state, reread(check).due_at) == ("down", None)


def test_heartbeat__paused_or_unknown__changes_nothing() -> None:
    check = expect(make_check(kind="heartbeat"))
    pause_check(check=check, by="Ada")

    assert note_ping(ping_key=check.ping_key, ping=Ping.FAIL, now=at(10))
    assert reread(check).state == "paused"
    assert not note_ping(ping_key=uuid.uuid4(), ping=Ping.SUCCESS, now=NOW)
    assert not note_ping(ping_key=make_check().ping_key, ping=Ping.SUCCESS, now=NOW)


def plan(check: Check, *, start: float, end: float, everything: bool = False) -> MaintenanceWindow:
    """Plan a window, in seconds after NOW."""
    return plan_maintenance(
        application_id=check.application_id,
        check=None if everything else check,
        starts_at=at(start),
        ends_at=at(end),
        reason="Update",
        now=NOW,
    )


@pytest.mark.parametrize("everything", [True, False])
def test_maintenance__failures_inside__do_not_count(everything: bool) -> None:
    check = make_check(retries=0)
    find(check, UP)
    plan(check, start=10, end=100, everything=everything)
    follow_windows(now=at(10))
    find(check, DOWN, at=50)
    follow_windows(now=at(100))
    assert reread(check).due_at == at(100)
    check = find(check, UP, at=101)

    assert story(check) == [("up", 0), ("maintenance", 10), ("new", 100), ("up", 101)]
    available = measure_availabilities([check.pk], period=timedelta(hours=1), now=at(201))[check.pk]
    assert (available.up_seconds, available.down_seconds) == (110, 0)


def test_maintenance__down_before__stays_down_until_it_answers() -> None:
    check = make_check(retries=0)
    find(check, DOWN)
    plan(check, start=0, end=100)
    follow_windows(now=at(10))
    assert reread(check).state == "down"

    assert find(check, UP, at=20).state == "maintenance"
    assert values(check, "uptime_check_down") == [1, 0]


def test_maintenance__still_failing_afterwards__down_from_then_on() -> None:
    check = make_check(retries=0)
    plan(check, start=0, end=100)
    check = find(check, DOWN, at=150)

    assert story(check) == [("maintenance", 0), ("new", 150), ("down", 150)]


def test_maintenance__heartbeat__has_its_full_time_again() -> None:
    check = expect(make_check(kind="heartbeat", interval_seconds=60, grace_seconds=0))
    plan(check, start=0, end=100)
    claim = claim_check(now=at(60))
    finish_claim(claim=claim, finding=look_at(claim), now=at(60))
    follow_windows(now=at(100))

    assert (reread(check).state, reread(check).due_at) == ("new", at(160))


def test_maintenance__of_another__leaves_a_check_alone() -> None:
    check, other = make_check(), make_check()
    find(check, UP)
    plan(other, start=0, end=100, everything=True)

    assert reread(check).state == "up"


@pytest.mark.parametrize(("start", "end"), [(100, 10), (10, 10), (-100, -10)])
def test_plan__impossible__refused(start: float, end: float) -> None:
    with pytest.raises(WindowInvalid):
        plan(make_check(), start=start, end=end)


def test_prune__old_changes__gone_but_for_the_newest_of_each_check() -> None:
    check = make_check(retries=0)
    find(check, UP)
    find(check, DOWN, at=60)
    plan(check, start=0, end=100)
    prune_stories(now=NOW + timedelta(days=800))

    assert [change.to_state for change in CheckChange.objects.all()] == ["down"]
    assert not MaintenanceWindow.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [{"kind": "x"}, {"state": "x"}, {"address": ""}, {"interval_seconds": 1}, {"state": "down"}, {"state": "paused"}],
)
def test_constraints__impossible_rows__refused(fields: dict[str, object]) -> None:
    check = make_check()
    with pytest.raises(IntegrityError), transaction.atomic():
        Check.objects.filter(pk=check.pk).update(**fields)


def test_probe_one__real_server__noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTION, "CHECK_ALLOW_PRIVATE", True)
    with run_receiver() as site:
        check = make_check(address=site.url)
        assert probe_one()
        assert not probe_one()

    assert (reread(check).state, reread(check).reason) == ("up", "Answered 200.")


def test_probe_one__inner_address__down_with_the_reason() -> None:
    check = make_check(address="http://127.0.0.1:9/", retries=0)
    probe_one()

    assert reread(check).reason == "The address is not on the public internet; CHECK_ALLOW_PRIVATE allows that."


def test_look_at__the_check_itself_breaks__is_its_own_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    make_check()
    claim = claim_check(now=NOW)
    monkeypatch.setattr(probing, "look", lambda _: 1 / 0)

    assert look_at(claim) == Finding(False, BROKEN)


@pytest.mark.django_db(transaction=True)
def test_pool__many_due__each_looked_at_once_by_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTION, "CHECK_ALLOW_PRIVATE", True)
    application = make_application()
    with run_receiver() as site:
        for number in range(12):
            make_check(application, address=f"{site.url}/{number}")
        pool = ProbePool(probe_one, limit=3)
        assert pool.wake(12) == 3
        pool.wait(60)

    assert sorted(request.path for request in site.requests) == sorted(f"/hook/{number}" for number in range(12))
    assert set(Check.objects.values_list("state", flat=True)) == {"up"}
    assert pool.wake(1) == 1
    pool.wait(60)
