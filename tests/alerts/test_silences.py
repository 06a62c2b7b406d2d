"""Silences: what may be silenced, for how long, by whom; as they are on pages and over REST."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts.models import Alert, Silence
from alerts.services.silences import SilenceOver, create_silence, end_silence, extend_silence
from alerts.silencing import SilenceDraft, SilenceInvalid, describe_labels_as_matchers, find_end
from config.actors import Actor
from tests.support.admin import sign_in
from tests.support.alerts import evaluate, make_alert, make_rule, moment, report, tell
from tests.support.metrics import NOW, make_application

BY = Actor(name="Ada")
HOUR = timedelta(hours=1)


def draft(**fields: Any) -> SilenceDraft:
    values = {"matchers": '{alertname="Load"}', "starts_at": NOW, "ends_at": NOW + HOUR, "reason": "Known", **fields}
    return SilenceDraft(**values)


def begin(**fields: Any) -> Silence:
    return create_silence(draft=draft(**fields), by=BY, now=NOW)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("matchers", {"matchers": "{"}),
        ("matchers", {"matchers": ""}),
        ("matchers", {"matchers": '{severity!="critical"}'}),
        ("reason", {"reason": "  "}),
        ("reason", {"reason": "x" * 501}),
        ("ends_at", {"ends_at": NOW}),
        ("ends_at", {"ends_at": NOW + timedelta(days=90, seconds=1)}),
        ("ends_at", {"starts_at": NOW + 2 * HOUR}),
    ],
)
def test_create__impossible__refused_in_words_and_nothing_is_kept(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(SilenceInvalid) as caught:
        begin(**changes)
    assert list(caught.value.errors) == [field]
    assert not Silence.objects.exists()


@pytest.mark.django_db
def test_create__everything_of_one_application__is_possible() -> None:
    silence = begin(matchers="", application_id=make_application().pk)
    assert (silence.author_name, silence.matchers) == ("Ada", "")


@pytest.mark.django_db
def test_extend__running__its_author_stays_and_90_days_at_most() -> None:
    silence = begin()
    assert extend_silence(silence_id=silence.pk, ends_at=NOW + 5 * HOUR, now=NOW).ends_at == NOW + 5 * HOUR
    with pytest.raises(SilenceInvalid):
        extend_silence(silence_id=silence.pk, ends_at=NOW + timedelta(days=91), now=NOW)
    with pytest.raises(SilenceOver):
        extend_silence(silence_id=silence.pk, ends_at=NOW + 9 * HOUR, now=NOW + 6 * HOUR)
    silence.refresh_from_db()
    assert (silence.author_name, silence.ends_at) == ("Ada", NOW + 5 * HOUR)


@pytest.mark.django_db
@pytest.mark.parametrize("starts_at", [NOW, NOW + HOUR / 2])
def test_end__running_or_coming__is_over_and_says_by_whom(starts_at: datetime) -> None:
    silence = begin(starts_at=starts_at)
    assert end_silence(silence_id=silence.pk, by=Actor(name="Grace"), now=NOW + HOUR / 4)
    assert not end_silence(silence_id=silence.pk, by=BY, now=NOW + HOUR / 3)
    silence.refresh_from_db()
    assert (silence.ends_at, silence.ended_by_name) == (NOW + HOUR / 4, "Grace")


@pytest.mark.parametrize(
    ("choice", "now", "expected"),
    [
        ("4h", "2026-03-28T12:00", "2026-03-28T16:00"),
        # In the night between, the clock is put forward: eight o'clock is an hour sooner.
        ("tomorrow", "2026-03-28T12:00", "2026-03-29T06:00"),
        ("tomorrow", "2026-03-27T23:30", "2026-03-29T06:00"),
        ("monday", "2026-03-28T12:00", "2026-03-30T06:00"),
        ("monday", "2026-03-30T05:00", "2026-04-06T06:00"),
    ],
)
def test_find_end__choices__mornings_are_the_readers(choice: str, now: str, expected: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert find_end(choice, now=at, zone=ZoneInfo("Europe/Berlin")) == datetime.fromisoformat(expected).replace(
        tzinfo=UTC
    )


def test_describe_labels__of_an_alert__the_name_first_and_no_application() -> None:
    labels = {"application": "acme", "environment": "production", "host": 'a"b', "alertname": "Load"}
    assert describe_labels_as_matchers(labels) == '{alertname="Load", host="a\\"b"}'


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def fill_in(**changes: Any) -> dict[str, Any]:
    return {"matchers": '{host="erp1"}', "reason": "Update", "lasts": "4h", "reader_zone": "Europe/Berlin", **changes}


@pytest.mark.django_db
def test_admin__from_an_alerts_page__prefilled_previewed_kept_ended(admin_client: Client) -> None:
    alert = make_alert(make_application(), rule=make_rule(name="Load"))
    address = f"{reverse('admin:alerts_silence_add')}?alert={alert.pk}"
    assert address in page(admin_client, alert.get_absolute_url())
    assert "alertname=&quot;Load&quot;, host=&quot;erp1&quot;" in page(admin_client, address)

    preview = admin_client.post(reverse("admin:alerts_silence_preview"), fill_in()).content.decode()
    assert "1</span> firing alert matches" in preview
    assert not Silence.objects.exists()

    assert admin_client.post(reverse("admin:alerts_silence_add"), fill_in()).status_code == 302
    silence = Silence.objects.get()
    assert silence.ends_at - silence.starts_at == 4 * HOUR
    tell((timezone.now() - NOW).total_seconds())
    assert "host=erp1" in page(admin_client, silence.get_absolute_url())
    assert "1 alert" in page(admin_client, reverse("admin:alerts_silence_changelist"))
    assert "Silenced" in page(admin_client, reverse("admin:alerts_alert_changelist"))
    assert "silenced it: Update" in page(admin_client, alert.get_absolute_url())

    admin_client.post(reverse("admin:alerts_silence_extend", args=[silence.pk]), {"lasts": "1h"})
    admin_client.post(reverse("admin:alerts_silence_extend", args=[silence.pk]), {"lasts": "nonsense"})
    silence.refresh_from_db()
    assert silence.ends_at - silence.starts_at < 2 * HOUR
    admin_client.post(reverse("admin:alerts_silence_end", args=[silence.pk]))
    assert "Ended early" in page(admin_client, silence.get_absolute_url())
    assert "Update" in page(admin_client, f"{reverse('admin:alerts_silence_changelist')}?state=over")


@pytest.mark.django_db
def test_admin__wrong__says_so_and_keeps_nothing(admin_client: Client) -> None:
    for wrong, words in (
        ({"matchers": ""}, "nearly every alert"),
        ({"reason": ""}, "required"),
        ({"lasts": "other"}, "Say until when"),
    ):
        answer = admin_client.post(reverse("admin:alerts_silence_add"), fill_in(**wrong))
        assert words in answer.content.decode()
    assert not Silence.objects.exists()


@pytest.mark.django_db
def test_admin__viewer__reads_and_ends_nothing(client: Client) -> None:
    sign_in(client, "alerts.view_silence")
    silence = begin(ends_at=timezone.now() + HOUR, starts_at=timezone.now())
    assert "End now" not in page(client, silence.get_absolute_url())
    assert client.post(reverse("admin:alerts_silence_end", args=[silence.pk])).status_code == 403
    assert client.get(reverse("admin:alerts_silence_add")).status_code == 403


@pytest.mark.django_db
def test_story__was_held__is_told_from_when_to_when(admin_client: Client) -> None:
    application = make_application()
    make_rule(name="Load")
    begin(ends_at=moment(300))
    report(application, 3)
    evaluate(0)
    tell(5)
    tell(300)
    text = page(admin_client, Alert.objects.get().get_absolute_url())
    assert "Silenced" in text
    assert "Not silenced any more" in text
