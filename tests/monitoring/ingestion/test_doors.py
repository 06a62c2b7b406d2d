"""What every door does when something of ours breaks."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from monitoring.applications.enums import KeyKind
from monitoring.applications.services import issue_key
from monitoring.ingestion import item_views, views
from monitoring.ingestion.otlp import log_views
from monitoring.ingestion.sentry import views as sentry_views
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import sum_by_signal
from tests.support.errors import make_envelope, make_event
from tests.support.metrics import make_application

LOGS = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}}]}]}]}


@pytest.mark.django_db
@pytest.mark.parametrize("door", ["envelope", "logs", "metrics", "errors"])
def test_doors__mistake_of_ours__is_told_to_any_origin_counted_and_logged(
    client: Client, door: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("nobody thought of this")

    for place, name in (
        (sentry_views, "store_or_keep"),
        (log_views, "store_batch"),
        (views, "store_points"),
        (item_views, "store_or_keep"),
    ):
        monkeypatch.setattr(place, name, fail)
    application = make_application()
    key = issue_key(application=application, kind=KeyKind.SECRET).token
    path, body = {
        "envelope": (f"/api/{application.pk}/envelope/", make_envelope(("event", make_event()))),
        "logs": ("/v1/logs", json.dumps(LOGS).encode()),
        "metrics": ("/api/v1/metrics/", b'{"name": "orders", "value": 1}'),
        "errors": ("/api/v1/errors/", b'{"message": "x"}'),
    }[door]
    answer = client.post(
        path,
        body,
        "application/json",
        headers={"X-Sentry-Auth": f"Sentry sentry_key={key}", "Authorization": f"Bearer {key}"},
    )
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (500, "*")
    assert "recorded" in answer.content.decode()
    assert "nobody thought" not in answer.content.decode()
    errors = [record.exc_info for record in caplog.records if record.levelname == "ERROR" and record.exc_info]
    assert [kind for kind, _, _ in errors] == [RuntimeError]
    total = sum_by_signal(application_id=application.pk, since=timezone.now() - timedelta(days=1))
    assert total[Signal.BODIES].refused == 1
