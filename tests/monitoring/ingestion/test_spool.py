"""From the spool into the store: every kind of record as it was, once, and nothing held up by what can't be stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.attachments.records import AttachmentRecord
from monitoring.browser.records import VitalRecord
from monitoring.errors.services.inbox import Incoming
from monitoring.ingestion import spool
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.spool_files import Spool
from monitoring.ingestion.storing import WRITERS
from monitoring.logs.models import LogRecord as LogRow
from monitoring.logs.records import LogRecord
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import sum_by_signal
from monitoring.releases.records import Outcome, SessionCounts, SessionItem, SessionRecord
from monitoring.uptime.check_ins import CheckIn, MonitorWish
from monitoring.uptime.enums import Ping
from monitoring.usage.records import UsageEvent
from monitoring.user_reports.records import UserReportRecord
from tests.support.errors import make_envelope, make_event
from tests.support.metrics import make_application
from tests.support.performance import make_query, make_request, make_span

AT = datetime(2026, 11, 25, 12, 0, 30, 123456, tzinfo=UTC)
ID = UUID("0123456789abcdef0123456789abcdef")
ODD = {"text": "Grüße", "yes": True, "none": None, "number": 1.5, "list": [1, "a", {"b": -(2**63)}], "large": 2**64 - 1}

RECORDS: dict[type[Any], Any] = {
    Incoming: Incoming(1, ID, AT, bytes(range(256)), "192.0.2.0"),
    VitalRecord: VitalRecord(1, AT, "cls", float("inf"), user_key=b"\x00\xff", record_id=ID),
    UsageEvent: UsageEvent(1, AT, "feature", "order", properties=ODD, record_id=ID),
    SessionItem: SessionItem(
        (SessionRecord(1, ID, AT, "erp@1", AT, outcome=Outcome.CRASHED, duration=1.5, user_key=b"k"),),
        (SessionCounts(1, AT, "erp@1", AT, healthy=7, body_key=b"b"),),
    ),
    LogRecord: LogRecord(1, AT, 17, "Grüße", attributes=ODD, body_key=b"b"),
    UserReportRecord: UserReportRecord(1, ID, AT, "slow", event_id=ID),
    AttachmentRecord: AttachmentRecord(1, ID, AT, "a.txt", "text/plain", "event.attachment", 3, b"d", b"\x00z"),
    type(make_request(1)): make_request(1, record_id=ID, weight=100),
    type(make_query(1)): make_query(1, parameter_count=None),
    type(make_span(1)): make_span(1, attributes=ODD),
    CheckIn: CheckIn(1, "nightly", Ping.START, AT, ID, 2.0, MonitorWish(schedule="0 3 * * *")),
}


@pytest.fixture
def application(db: None) -> Application:
    """An application."""
    return make_application()


@pytest.fixture
def source(tmp_path: Path) -> Spool:
    """An empty spool."""
    return Spool(tmp_path / "spool", max_bytes=1_000_000)


def log(application_id: int, body: str) -> Batch:
    """Return a batch of one line."""
    batch = Batch(application_id)
    batch.add(LogRecord(application_id, timezone.now(), 9, body), signal="logs")
    return batch


def keep(source: Spool, *batches: Batch) -> None:
    """Put batches into a spool."""
    source.append([msgspec.msgpack.encode(spool.encode_batch(batch)) for batch in batches])


def read_lines(application: Application) -> list[str]:
    """Return the stored lines."""
    return sorted(LogRow.objects.filter(application_id=application.pk).values_list("body", flat=True))


@pytest.mark.parametrize("kind", list(WRITERS), ids=lambda kind: kind.__name__)
def test_batch__kept__comes_back_as_it_was(kind: type[Any]) -> None:
    batch = Batch(7, [RECORDS[kind]])
    batch.account.add("errors", "stored", 3)
    batch.account.add("logs", "refused")
    entry = msgspec.msgpack.decode(msgspec.msgpack.encode(spool.encode_batch(batch)), type=spool.BatchEntry)
    assert spool.decode_batch(entry) == batch


def test_replay__what_waits__is_stored_counted_and_gone(application: Application, source: Spool) -> None:
    keep(source, log(application.pk, "one"), log(application.pk, "two"))
    assert spool.replay(source=source)
    assert (read_lines(application), source.list_segments()) == (["one", "two"], [])
    since = timezone.now() - timedelta(hours=2)
    assert sum_by_signal(application_id=application.pk, since=since)[Signal.LOGS].stored == 2


def test_replay__segment_read_again_after_a_crash__adds_nothing(application: Application, source: Spool) -> None:
    keep(source, log(application.pk, "one"))
    (path,) = source.list_segments()
    content = path.read_bytes()
    spool.replay(source=source)
    path.write_bytes(content)
    assert spool.replay(source=source)
    since = timezone.now() - timedelta(hours=2)
    assert read_lines(application) == ["one"]
    assert sum_by_signal(application_id=application.pk, since=since)[Signal.LOGS].received == 1


def test_replay__points__are_stored_at_the_time_they_came(application: Application, source: Spool) -> None:
    body = json.dumps({"points": [{"name": "orders", "value": 3}, {"name": "orders", "value": "no"}]}).encode()
    came = timezone.now() - timedelta(minutes=20)
    source.append([msgspec.msgpack.encode(spool.PointsEntry(application.pk, came, body))])
    assert spool.replay(source=source)
    total = sum_by_signal(application_id=application.pk, since=timezone.now() - timedelta(hours=2))[Signal.POINTS]
    assert (total.stored, total.refused) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_replay__application_removed_meanwhile__does_not_hold_up_others(tmp_path: Path) -> None:
    source, application = Spool(tmp_path, max_bytes=1_000_000), make_application()
    gone = make_application()
    keep(source, log(gone.pk, "gone"), log(application.pk, "kept"))
    gone.delete()
    assert spool.replay(source=source)
    assert (read_lines(application), source.list_segments(), source.count_aside()) == (["kept"], [], 0)


@pytest.mark.django_db(transaction=True)
def test_replay__entry_that_no_code_can_store__is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source, application = Spool(tmp_path, max_bytes=1_000_000), make_application()
    poison = Batch(application.pk, [LogRecord(application.pk, timezone.now(), 9, "\x00")])
    keep(source, poison, log(application.pk, "kept"))
    source.append([b"no entry at all"])
    assert spool.replay(source=source)
    assert (read_lines(application), source.list_segments(), source.count_aside()) == (["kept"], [], 2)
    assert any("set aside" in record.getMessage() for record in caplog.records)


def test_replay__broken_segment__gives_what_stands_before_and_is_set_aside(
    application: Application, source: Spool
) -> None:
    keep(source, log(application.pk, "before"), log(application.pk, "spoilt"))
    (path,) = source.list_segments()
    path.write_bytes(path.read_bytes().replace(b"spoilt", b"spoilT"))
    spool.replay(source=source)
    assert (read_lines(application), source.list_segments(), source.count_aside()) == (["before"], [], 1)


def test_doors__spool_without_room__say_503(
    client: Client, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(spool, "store_batch", fail)
    key = issue_key(application=application, kind=KeyKind.PUBLIC).token
    body = make_envelope(("event", make_event(event_id=uuid4().hex)))
    answer = client.post(
        f"/api/{application.pk}/envelope/", body, "text/plain", headers={"X-Sentry-Auth": f"Sentry sentry_key={key}"}
    )
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert spool.spool.list_segments() == []
