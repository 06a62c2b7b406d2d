"""Files of events: kept with limits, counted, shown and downloaded safely."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from config.settings import OPTION
from monitoring.applications.models import Application
from monitoring.attachments.models import Attachment
from monitoring.errors.models import ErrorIssue
from monitoring.errors.services.digesting import digest_batch
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import Total, sum_by_signal
from monitoring.partitions import ATTACHMENTS
from tests.support.admin import sign_in
from tests.support.errors import make_event, make_public_key, send_envelope
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def key(application: Application) -> str:
    return make_public_key(application)


@pytest.fixture
def person(client: Client) -> User:
    return sign_in(client, "monitoring.view_errorissue", "monitoring.view_attachment", "monitoring.view_application")


def send(
    client: Client,
    application: Application,
    key: str,
    *files: tuple[dict[str, Any], bytes],
    event: Any = None,
    **header: Any,
) -> Any:
    lines = [json.dumps(header).encode()]
    if event is not None:
        data = json.dumps(event).encode()
        lines += [json.dumps({"type": "event", "length": len(data)}).encode(), data]
    for about, data in files:
        lines += [json.dumps({"type": "attachment", "length": len(data), **about}).encode(), data]
    return send_envelope(client, application, key, b"\n".join(lines) + b"\n")


def count(application: Application) -> Total:
    totals = sum_by_signal(application_id=application.pk, since=timezone.now() - timedelta(days=1))
    return totals[Signal.ATTACHMENTS]


def test_attachment__sent_twice__is_kept_once_with_its_event(
    client: Client, application: Application, key: str
) -> None:
    event = make_event()
    for _ in range(2):
        answer = send(
            client, application, key,
            ({"filename": "screen.png", "content_type": "image/png"}, PNG),
            ({"filename": "mini.dmp", "attachment_type": "event.minidump"}, b"MDMP"),
            event=event, event_id=event["event_id"],
        )  # fmt: skip
        assert answer.status_code == 200
    assert list(Attachment.objects.values_list("name", "kind", "size")) == [
        ("screen.png", "event.attachment", 28),
        ("mini.dmp", "event.minidump", 4),
    ]
    assert count(application) == Total(4, 4)


def test_attachment__without_header_id__belongs_to_the_event_beside_it(
    client: Client, application: Application, key: str
) -> None:
    event = make_event()
    send(client, application, key, ({"filename": "a.txt"}, b"x"), event=event)
    assert Attachment.objects.get().event_id.hex == event["event_id"]
    answer = send(client, application, key, ({"filename": "a.txt"}, b"x"))
    assert answer.status_code == 400
    assert "belongs to no event" in answer.json()["detail"]
    assert count(application) == Total(2, 1, 1)


def test_attachment__beyond_the_limits__is_counted_and_not_kept(
    client: Client, application: Application, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTION, "ATTACHMENT_MAX_BYTES", 10)
    monkeypatch.setitem(OPTION, "ATTACHMENT_MAX_EVENT_BYTES", 25)
    event_id = uuid4().hex
    files = [({"filename": f"{place}.bin"}, b"x" * size) for place, size in enumerate((10, 11, 10, 6))]
    assert send(client, application, key, *files, event_id=event_id).status_code == 200
    assert list(Attachment.objects.values_list("name", flat=True)) == ["0.bin", "2.bin"]
    # Files of one event may come in several envelopes.
    send(client, application, key, ({"filename": "more.bin"}, b"x" * 6), event_id=event_id)
    send(client, application, key, ({"filename": "last.bin"}, b"x" * 5), event_id=event_id)
    assert list(Attachment.objects.values_list("name", flat=True)) == ["0.bin", "2.bin", "last.bin"]
    assert count(application) == Total(6, 3, 0, 3)


def test_page__files__are_shown_and_downloaded_never_run(
    client: Client, application: Application, key: str, person: User
) -> None:
    event = make_event()
    send(
        client, application, key,
        ({"filename": "screen.png", "content_type": "image/png"}, PNG),
        ({"filename": "evil.svg", "content_type": "image/svg+xml"}, b"<svg onload='alert(1)'/>"),
        event=event, event_id=event["event_id"],
    )  # fmt: skip
    digest_batch()
    page = client.get(ErrorIssue.objects.get().get_absolute_url()).content.decode()
    assert "screen.png" in page
    assert "evil.svg" in page
    picture, document = Attachment.objects.order_by("pk")
    for attachment, content in ((picture, PNG), (document, b"<svg onload='alert(1)'/>")):
        answer = client.get(attachment.get_absolute_url())
        assert answer.content == content
        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["Content-Disposition"] == f'attachment; filename="{attachment.name}"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
    shown = client.get(f"{picture.get_absolute_url()}picture/")
    assert (shown["Content-Type"], shown["X-Content-Type-Options"]) == ("image/png", "nosniff")
    assert client.get(f"{document.get_absolute_url()}picture/").status_code == 404
    other = make_application()
    assert client.get(picture.get_absolute_url().replace(f"/{application.pk}/", f"/{other.pk}/", 1)).status_code == 404


def test_page__reader_who_may_not_see_files__is_not_shown_any(
    client: Client, application: Application, key: str
) -> None:
    sign_in(client, "monitoring.view_errorissue")
    event = make_event()
    send(client, application, key, ({"filename": "secret.png"}, PNG), event=event, event_id=event["event_id"])
    digest_batch()
    assert "secret.png" not in client.get(ErrorIssue.objects.get().get_absolute_url()).content.decode()
    assert client.get(Attachment.objects.get().get_absolute_url()).status_code == 403


def test_retention__days_that_are_over__are_dropped(client: Client, application: Application, key: str) -> None:
    send(client, application, key, ({"filename": "a.txt"}, b"x"), event_id=uuid4().hex)
    now = timezone.now()
    day = f"monitoring_attachment_{now:%Y%m%d}"
    assert day not in ATTACHMENTS.drop_expired(now=now + timedelta(days=30))
    assert day in ATTACHMENTS.drop_expired(now=now + timedelta(days=31, hours=1))
    assert not Attachment.objects.exists()
