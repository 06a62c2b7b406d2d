"""Waking workers over a real broker, and doing without one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery import current_app
from django.db import transaction

from config import nudges
from config.nudges import Nudge, PacedNudge

QUEUE = "test-nudges"


@pytest.fixture
def nudge() -> Iterator[Nudge]:
    with current_app.connection_for_write() as broker:
        broker.default_channel.queue_purge(QUEUE) if broker.default_channel._has_queue(QUEUE) else None
        yield Nudge("config.outbox.tasks.dispatch_events", QUEUE)


def waiting() -> int:
    with current_app.connection_for_read() as broker:
        return broker.default_channel._size(QUEUE)


@pytest.mark.django_db(transaction=True)
def test_nudge__several_in_one_transaction__send_one_message_after_commit(nudge: Nudge) -> None:
    before = waiting()
    with transaction.atomic():
        nudge.on_commit()
        with transaction.atomic():
            nudge.on_commit()
        assert waiting() == before
    assert waiting() == before + 1


@pytest.mark.django_db(transaction=True)
def test_nudge__rolled_back_savepoint__still_sends_for_what_follows(nudge: Nudge) -> None:
    before = waiting()
    with transaction.atomic():
        with transaction.atomic():
            nudge.on_commit()
            transaction.set_rollback(True)
        nudge.on_commit()
    assert waiting() == before + 1


@pytest.mark.django_db(transaction=True)
def test_paced_nudge__too_soon__is_sent_late_and_once(nudge: Nudge) -> None:
    before = waiting()
    paced = PacedNudge(nudge.task, nudge.queue, every_seconds=0.05)
    for _ in range(5):
        paced.on_commit()
    held_back = paced._held_back
    assert held_back is not None
    assert waiting() == before + 1
    held_back.join()
    assert waiting() == before + 2


@pytest.mark.django_db(transaction=True)
def test_paced_nudge__rolled_back__holds_nothing_back_from_the_next(nudge: Nudge) -> None:
    before = waiting()
    paced = PacedNudge(nudge.task, nudge.queue, every_seconds=3600)
    with transaction.atomic():
        paced.on_commit()
        transaction.set_rollback(True)
    paced.on_commit()
    assert waiting() == before + 1


@pytest.mark.django_db(transaction=True)
def test_nudge__broker_away__warns_and_goes_on(
    nudge: Nudge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nudges._broker.cache_clear()
    monkeypatch.setattr(current_app.conf, "broker_url", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(current_app.conf, "broker_write_url", "redis://127.0.0.1:1/0")
    try:
        nudge.on_commit()
    finally:
        nudges._broker.cache_clear()
    assert "runs at its next turn" in caplog.text
