"""Events reach each subscriber exactly once, and a bad subscriber holds up nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from config.outbox import services
from config.outbox.backoff import MAX_ATTEMPTS, delay_after
from config.outbox.enums import EventState
from config.outbox.models import Event, Receipt
from config.outbox.registry import subscribe, subscribers_of, unsubscribe
from config.outbox.selectors import measure_outbox

TYPE = "test.happened"


class Heard:
    """A subscriber that remembers in the database, by writing an event of another type, and fails when told to."""

    def __init__(self) -> None:
        self.failing: Exception | None = None
        self.calls = 0

    def __call__(self, event: Event) -> None:
        self.calls += 1
        Event.objects.create(type="test.effect", payload={"of": event.pk}, state="done", finished_at=timezone.now())
        if self.failing:
            raise self.failing


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler = Heard()
    subscribe(TYPE, name="test.first")(handler)
    yield handler
    unsubscribe(TYPE, name="test.first")


@pytest.fixture
def bad() -> Iterator[Heard]:
    handler = Heard()
    handler.failing = RuntimeError("no\x00pe")
    subscribe(TYPE, name="test.bad")(handler)
    yield handler
    unsubscribe(TYPE, name="test.bad")


def effects() -> int:
    return Event.objects.filter(type="test.effect").count()


@pytest.mark.django_db
def test_publish__transaction_rolled_back__leaves_nothing() -> None:
    with transaction.atomic():
        services.publish(type=TYPE, payload={})
        transaction.set_rollback(True)
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_publish__thousand_in_a_transaction__nudges_once() -> None:
    with transaction.atomic():
        for _ in range(10):
            services.publish(type=TYPE, payload={})
        assert len(connection.run_on_commit) == 1


@pytest.mark.django_db
def test_dispatch__subscriber_succeeds__runs_once_and_is_done(heard: Heard) -> None:
    event = services.publish(type=TYPE, payload={"a": 1}, application_id=7)
    assert services.dispatch_due_events() == 1
    assert services.dispatch_due_events() == 0
    event.refresh_from_db()
    assert (event.state, heard.calls, effects()) == (EventState.DONE, 1, 1)


@pytest.mark.django_db
def test_dispatch__nobody_listens__is_done() -> None:
    event = services.publish(type="test.unheard", payload={})
    services.dispatch_due_events()
    event.refresh_from_db()
    assert event.state == EventState.DONE


@pytest.mark.django_db
def test_dispatch__one_subscriber_fails__the_other_is_done_and_only_the_failed_one_runs_again(
    heard: Heard, bad: Heard
) -> None:
    event = services.publish(type=TYPE, payload={})
    services.dispatch_due_events()
    event.refresh_from_db()
    assert (event.state, event.attempts) == (EventState.PENDING, 1)
    assert event.last_error == "test.bad: RuntimeError: nope"
    assert effects() == 1
    bad.failing = None
    with time_machine.travel(timezone.now() + timedelta(seconds=6)):
        services.dispatch_due_events()
    event.refresh_from_db()
    assert (event.state, heard.calls, bad.calls, effects()) == (EventState.DONE, 1, 2, 2)


@pytest.mark.django_db
def test_dispatch__fails_ten_times__is_set_aside_and_can_be_tried_again(bad: Heard) -> None:
    event = services.publish(type=TYPE, payload={})
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(MAX_ATTEMPTS):
            services.dispatch_due_events()
            clock.shift(timedelta(hours=5))
        event.refresh_from_db()
        assert (event.state, event.attempts, bad.calls) == (EventState.SET_ASIDE, MAX_ATTEMPTS, MAX_ATTEMPTS)
        assert (measure_outbox().pending, measure_outbox().set_aside) == (0, 1)
        bad.failing = None
        assert services.retry_event(event=event) is True
        assert services.retry_event(event=event) is False
        services.dispatch_due_events()
    event.refresh_from_db()
    assert event.state == EventState.DONE


@pytest.mark.django_db
def test_dispatch__dispatcher_died_in_the_middle__another_takes_over_after_the_lease(heard: Heard) -> None:
    event = services.publish(type=TYPE, payload={})
    assert services._claim_events(limit=10) == [event.pk]
    assert services.dispatch_due_events() == 0
    with time_machine.travel(timezone.now() + services.LEASE + timedelta(seconds=1)):
        assert services.dispatch_due_events() == 1
    assert heard.calls == 1


@pytest.mark.django_db
def test_dispatch__receipt_exists_already__does_not_run_again(heard: Heard) -> None:
    event = services.publish(type=TYPE, payload={})
    Receipt.objects.create(event=event, subscriber="test.first")
    services.dispatch_event(event_id=event.pk)
    event.refresh_from_db()
    assert (event.state, heard.calls) == (EventState.DONE, 0)


@pytest.mark.django_db(transaction=True)
def test_dispatch__several_dispatchers_race__each_event_takes_effect_once(heard: Heard) -> None:
    for _ in range(30):
        services.publish(type=TYPE, payload={})
    ids = list(Event.objects.values_list("pk", flat=True))

    def work() -> None:
        for event_id in ids:
            services.dispatch_event(event_id=event_id)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert effects() == 30
    assert Event.objects.filter(type=TYPE, state=EventState.DONE).count() == 30


@pytest.mark.django_db
def test_prune__done_long_ago__goes_and_the_rest_stays(heard: Heard) -> None:
    services.publish(type="test.unheard", payload={})
    services.dispatch_due_events()
    waiting = services.publish(type=TYPE, payload={})
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        assert services.prune_events(older_than=timedelta(days=7)) == 1
    assert list(Event.objects.all()) == [waiting]


def test_subscribe__name_taken__is_refused(heard: Heard) -> None:
    with pytest.raises(ValueError, match="two subscribers"):
        subscribe(TYPE, name="test.first")(lambda event: None)
    assert [each.name for each in subscribers_of(TYPE)] == ["test.first"]


@given(st.integers(1, 100))
def test_delay_after__any_number_of_attempts__grows_until_it_ends(attempts: int) -> None:
    delay, following = delay_after(attempts), delay_after(attempts + 1)
    assert (delay is None) == (attempts >= MAX_ATTEMPTS)
    assert following is None or (delay is not None and following > delay)
