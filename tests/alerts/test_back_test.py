"""Playing a rule over days gone by, before it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts import backtests, previews
from alerts.backtests import BACK_TESTS, BackTest, Played, back_test
from alerts.drafts import RuleDraft
from alerts.models import Alert, Rule
from alerts.services.evaluating import evaluate_rules
from alerts.services.rules import draft_of
from config.settings import OPTION
from monitoring.applications.models import Application
from monitoring.metrics.aging import drop_expired_partitions
from monitoring.metrics.promql import QueryTimeout, deadline
from tests.support.alerts import make_rule
from tests.support.metrics import NOW, make_application, pack, store

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
SPIKE = timedelta(minutes=5)


def write(
    application: Application, moments: Sequence[datetime], value: float, *, now: datetime, host: str = "erp1"
) -> None:
    labels = {"__name__": "load", "host": host}
    store(application, [(labels, int(at.timestamp() * 1000), value) for at in moments], now=now)


def minutes(start: datetime, length: timedelta) -> list[datetime]:
    return [start + timedelta(minutes=number) for number in range(length // timedelta(minutes=1))]


def play(draft: RuleDraft, application: Application, choice: str = "30d", now: datetime = NOW) -> Played:
    found = back_test(draft=draft, application_id=application.pk, choice=choice, now=now)
    assert found.problem == ""
    assert found.played is not None
    return found.played


def times(played: Played) -> list[tuple[datetime, datetime | None]]:
    return [(firing.fired_at, firing.resolved_at) for firing in played.firings]


def record_an_hour_a_day(application: Application, *, days: int = 6) -> None:
    now = timezone.now().replace(second=0, microsecond=0)
    points = []
    for number in range(0, days * 1440, 5):
        at = now - timedelta(minutes=number)
        points.append(({"__name__": "load", "host": "erp1"}, int(at.timestamp() * 1000), 9.0 if at.hour == 10 else 1.0))
    store(application, points[::-1], now=now)


def test_back_test__five_minutes_every_day_of_a_month__fires_as_the_evaluator_did_every_time() -> None:
    application = make_application()
    rule = make_rule("load > 5", for_seconds=120, keep_firing_for_seconds=120)
    for back in range(29, -1, -1):
        spike = NOW - back * DAY - timedelta(hours=3)
        high = set(minutes(spike, SPIKE))
        write(application, [at for at in minutes(spike - SPIKE, 3 * SPIKE) if at not in high], 1, now=spike + 2 * SPIKE)
        write(application, sorted(high), 9, now=spike + 2 * SPIKE)
        for moment in minutes(spike - SPIKE / 5, 2.6 * SPIKE):
            evaluate_rules(now=moment)
    pack()
    drop_expired_partitions(now=NOW)

    played = play(draft_of(rule), application)

    assert len(played.firings) == 30
    assert times(played) == list(
        Alert.objects.filter(state="resolved").order_by("fired_at").values_list("fired_at", "resolved_at")
    )
    assert (played.span, played.step, played.limit) == (30 * DAY, timedelta(minutes=1), "")


@pytest.mark.parametrize("choice", BACK_TESTS)
def test_back_test__held_over_the_turn_of_days__is_one_firing_with_one_beginning(choice: str) -> None:
    application = make_application()
    began = NOW - 3 * DAY - timedelta(hours=2)
    write(application, minutes(began, timedelta(hours=30)), 9, now=NOW - DAY)

    played = play(RuleDraft(name="Load", condition="load > 5", for_seconds=5 * 3600), application, choice)

    ended = began + timedelta(hours=30) + timedelta(minutes=5)
    assert times(played) == [(began + timedelta(hours=5), ended)]


def test_back_test__high_an_hour_a_day__says_which_series() -> None:
    application = make_application()
    record_an_hour_a_day(application)

    played = play(RuleDraft(name="Load", condition="load > 5"), application, "7d", timezone.now())

    assert set(played.labels.values()) == {"host=erp1"}


def test_back_test__more_series_than_can_be_played__says_how_far_back_it_got(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtests, "MAX_SERIES", 2)
    application = make_application()
    for back, host in ((0, "a"), (1, "b"), (2, "c")):
        write(application, [NOW - back * DAY - timedelta(hours=2)], 9, now=NOW, host=host)

    played = play(RuleDraft(name="Load", condition="load > 5"), application)

    assert sorted(played.labels[firing.fingerprint] for firing in played.firings) == ["host=a", "host=b"]
    assert (played.span, played.limit) == (2 * DAY, "the condition returns more than 2 series")


def test_back_test__more_decisions_than_can_be_played__says_how_far_back_it_got(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    application = make_application()
    for back in range(3):
        write(application, minutes(NOW - back * DAY - timedelta(hours=2), timedelta(hours=1)), 9, now=NOW)
    monkeypatch.setattr(backtests, "MAX_DECISIONS", 60)

    played = play(RuleDraft(name="Load", condition="load > 5", for_seconds=600), application)

    assert len(played.firings) == 1
    assert (played.span, played.limit) == (DAY, "the condition changes too often to play more")


class SlowClock:
    """A clock that goes on by a fortieth of a back-test's time whenever it is looked at."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        self.seconds += backtests.BACK_TEST_SECONDS / 40
        return self.seconds


def test_back_test__time_is_over_in_an_earlier_day__says_that_it_did_not_get_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    application = make_application()
    write(application, [NOW - timedelta(hours=2)], 9, now=NOW)
    monkeypatch.setattr(deadline, "time", SlowClock())

    played = play(RuleDraft(name="Load", condition="load > 5"), application)

    assert len(played.firings) == 1
    assert (DAY <= played.span < 30 * DAY, played.limit) == (True, "the condition is too expensive for more")


def test_back_test__time_is_over_in_the_newest_day__says_nothing_but_why(monkeypatch: pytest.MonkeyPatch) -> None:
    application = make_application()
    monkeypatch.setattr(backtests, "BACK_TEST_SECONDS", 0)

    found = back_test(
        draft=RuleDraft(name="Load", condition="load > 5"), application_id=application.pk, choice="30d", now=NOW
    )

    assert found == BackTest(str(QueryTimeout()), 30 * DAY, None)


def test_back_test__minutes_kept_for_a_fortnight__goes_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    application = make_application()
    write(application, [NOW - timedelta(hours=2)], 9, now=NOW)
    monkeypatch.setitem(OPTION, "ROLLUP_MINUTE_RETENTION_DAYS", 14)

    played = play(RuleDraft(name="Load", condition="load > 5"), application)

    assert (played.span, played.limit) == (14 * DAY, "minutes are kept no longer, and hours say too little")


def test_page__played__says_how_often_and_writes_nothing(admin_client: Client) -> None:
    application = make_application()
    record_an_hour_a_day(application)
    form = {"name": "Load", "condition": "load > 5", "severity": "warning", "application": application.pk, "span": "7d"}
    page = admin_client.post(reverse("admin:alerts_rule_back_test"), form).content.decode()
    assert "In the last 7 days it would have fired" in page
    assert "host=erp1" in page
    assert "Judged every 1 min" in page
    assert (Rule.objects.filter(name="Load").count(), Alert.objects.count()) == (0, 0)


def test_page__not_played_as_far_as_asked__says_so(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtests, "MAX_SERIES", 1)
    application, now = make_application(), timezone.now()
    for back, host in ((0, "a"), (1, "b")):
        write(application, [now - back * DAY - timedelta(hours=2)], 9, now=now, host=host)
    form = {"name": "Load", "condition": "load > 5", "severity": "warning", "application": application.pk, "span": "7d"}
    page = admin_client.post(reverse("admin:alerts_rule_back_test"), form).content.decode()
    assert "<strong>Only the last 24 hours</strong>, not 7 days: the condition returns more than 1 series." in page


def test_page__condition_broken__says_what_to_do(admin_client: Client) -> None:
    make_application()
    form = {"name": "Load", "condition": "load >", "severity": "warning", "span": "7d"}
    assert "First fill in a rule" in admin_client.post(reverse("admin:alerts_rule_back_test"), form).content.decode()


def preview(admin_client: Client, application: Application) -> str:
    form = {"name": "Load", "condition": "load > 5", "severity": "warning", "application": application.pk}
    return str(admin_client.post(reverse("admin:alerts_rule_preview"), form).content.decode())


def test_preview__only_some_hours_played__says_how_many_and_why(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtests, "DAY", timedelta(hours=6))
    monkeypatch.setattr(backtests, "MAX_SERIES", 1)
    application, now = make_application(), timezone.now()
    for hours, host in ((8, "a"), (9, "b")):
        write(application, [now - timedelta(hours=hours)], 9, now=now, host=host)
    page = preview(admin_client, application)
    assert "<strong>Only the last 6 h</strong>, not 24 hours: the condition returns more than 1 series." in page
    assert "In the last 6 h it would not have fired." in page


def test_preview__time_is_over_once_it_knows_what_it_finds__says_that_and_nothing_of_series(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SlowClock()

    def find_slowly(*_: object) -> dict[str, object]:
        clock.seconds += previews.CONDITION_SECONDS
        return {}

    monkeypatch.setattr(deadline, "time", clock)
    monkeypatch.setattr(previews, "find_series", find_slowly)
    page = preview(admin_client, make_application())
    assert f"When it would have fired can’t be said: {QueryTimeout()}." in page
    assert "would not have fired" not in page


def test_preview__more_series_than_can_be_played__still_says_what_it_finds_now(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtests, "MAX_SERIES", 1)
    application, now = make_application(), timezone.now()
    for host in ("a", "b"):
        write(application, [now], 9, now=now, host=host)
    page = preview(admin_client, application)
    assert "firing for 2 series" in page
    assert "When it would have fired can’t be said: the condition returns more than 1 series." in page
