"""A release that is worse than the one before: from sessions to the alert that links to it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from alerts.models import Alert, Rule
from alerts.related import find_alerts_of_release
from alerts.services.builtin import install_rules
from alerts.services.evaluating import evaluate_rules
from config.outbox.models import Event
from monitoring.releases.services.judging import judge_releases
from monitoring.releases.services.recording import record_releases
from tests.support.alerts import make_channel
from tests.support.metrics import make_application
from tests.support.releases import count_sessions, hours_ago

pytestmark = pytest.mark.django_db


def test_release_worse__crashes_more_than_the_one_before__alerts_once_and_links_both_ways() -> None:
    make_channel(is_default=True)
    install_rules()
    Rule.objects.exclude(builtin_key="release-worse").update(enabled=False)
    application = make_application()
    count_sessions(application, "erp@1", at=hours_ago(48), healthy=9_990, crashed=10)
    release = count_sessions(application, "erp@2", at=hours_ago(3), healthy=900, crashed=100)
    for _ in range(2):
        now = timezone.now()
        judge_releases(now=now)
        record_releases(now=now)
        evaluate_rules(now=now)
    assert set(Alert.objects.values_list("state", "labels__release")) == {("firing", "erp@2")}
    assert {alert.labels["reason"] for alert in Alert.objects.all()} == {"crashes", "errors"}
    assert Event.objects.filter(type="release.regressed").count() == 2
    links = find_alerts_of_release(application.pk, release.pk)
    assert len(links) == 2
    assert "erp@2 is worse than the release before it" in links[0].title
