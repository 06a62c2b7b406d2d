"""REST: deliveries of a key's application."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.deliveries.enums import Channel, State
from config.deliveries.masking import MASK
from config.deliveries.models import Delivery
from config.deliveries.sending import send_due_deliveries
from config.deliveries.services import queue_delivery
from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import create_application, issue_key
from tests.support.smtp import Mailbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    return create_application(name="ERP")


@pytest.fixture
def headers(application: Application) -> dict[str, str]:
    token = issue_key(application=application, kind=KeyKind.SECRET).token
    return {"Authorization": f"Bearer {token}"}


def make(application_id: int | None, number: int = 1, *, state: State = State.SENT) -> Delivery:
    delivery = queue_delivery(
        channel=Channel.WEBHOOK,
        recipient="https://example.com/hook",
        idempotency_key=f"k{application_id}-{number}",
        payload={},
        signing_secret="s3cret",
        source="alert",
        source_id=str(number),
        application_id=application_id,
    )
    Delivery.objects.filter(pk=delivery.pk).update(
        state=state, finished_at=None if state == State.QUEUED else timezone.now()
    )
    return delivery


def test_list__several_applications__shows_the_key_s_own(
    client: Client, application: Application, headers: dict[str, str]
) -> None:
    mine = make(application.pk)
    make(create_application(name="Other").pk)
    make(None)
    response = client.get("/api/v1/deliveries/", headers=headers)
    assert [row["id"] for row in response.json()["results"]] == [mine.pk]
    assert "s3cret" not in response.content.decode()


def test_list__one_row_or_three__takes_the_same_queries(
    client: Client, application: Application, headers: dict[str, str]
) -> None:
    make(application.pk, 1)
    client.get("/api/v1/deliveries/", headers=headers)
    with CaptureQueriesContext(connection) as one:
        client.get("/api/v1/deliveries/", headers=headers)
    make(application.pk, 2)
    make(application.pk, 3)
    with CaptureQueriesContext(connection) as three:
        assert len(client.get("/api/v1/deliveries/", headers=headers).json()["results"]) == 3
    assert len(three) == len(one)


def test_list__filtered__narrows(client: Client, application: Application, headers: dict[str, str]) -> None:
    make(application.pk, 1)
    failed = make(application.pk, 2, state=State.FAILED)
    body = client.get("/api/v1/deliveries/", {"state": "failed", "source": "alert"}, headers=headers).json()
    assert [row["id"] for row in body["results"]] == [failed.pk]
    refused = client.get("/api/v1/deliveries/", {"state": "lost"}, headers=headers)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "state")


def test_resend__sent_before__queues_one_copy_per_idempotency_key(
    client: Client, application: Application, headers: dict[str, str]
) -> None:
    delivery = make(application.pk)
    url = f"/api/v1/deliveries/{delivery.pk}/resend/"
    sent = {**headers, "Idempotency-Key": "one"}
    first = client.post(url, content_type="application/json", headers=sent)
    again = client.post(url, content_type="application/json", headers=sent)
    assert (first.status_code, first.json()["state"], first.json()["resend_of"]) == (201, "queued", delivery.pk)
    assert again.json() == first.json()
    assert Delivery.objects.count() == 2


def test_resend__still_queued__is_a_conflict(client: Client, application: Application, headers: dict[str, str]) -> None:
    delivery = make(application.pk, state=State.QUEUED)
    assert client.post(f"/api/v1/deliveries/{delivery.pk}/resend/", headers=headers).status_code == 409


def test_retrieve__another_application_s__is_not_there(client: Client, headers: dict[str, str]) -> None:
    delivery = make(create_application(name="Other").pk)
    assert client.get(f"/api/v1/deliveries/{delivery.pk}/", headers=headers).status_code == 404


LINK = "http://127.0.0.1:8000/a/.eJxTYmBgYM1MsWLw:1vP2xQ:aNfM5u1rQ0-_Jd3yVtGkPz/"


def test_retrieve__text_with_a_link_that_acts__masked_and_sent_as_it_is(
    client: Client, application: Application, headers: dict[str, str], mailbox: Mailbox
) -> None:
    mail = queue_delivery(
        channel=Channel.EMAIL,
        recipient="ops@example.com",
        idempotency_key="k",
        text=f"Acknowledge: {LINK} or look: http://127.0.0.1:8000/admin/a/b/",
        application_id=application.pk,
    )
    shown = client.get(f"/api/v1/deliveries/{mail.pk}/", headers=headers).json()
    assert shown["text"] == f"Acknowledge: http://127.0.0.1:8000/a/{MASK}/ or look: http://127.0.0.1:8000/admin/a/b/"
    send_due_deliveries(turn_seconds=30)
    (message,) = mailbox.messages
    assert LINK in message.get_content()


def test_list__application_with_few_among_many__goes_by_the_index(application: Application) -> None:
    make(application.pk)
    rows = [
        Delivery(channel=Channel.EMAIL, recipient="p@example.com", idempotency_key=f"many{number}", application_id=999)
        for number in range(2_000)
    ]
    Delivery.objects.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE config_delivery")
    own = Delivery.objects.filter(application_id=application.pk).order_by("-id")[:51]
    assert "delivery_application" in own.explain()
