"""The kernel's own metrics: outbox, deliveries, queues."""

from __future__ import annotations

from collections.abc import Iterable

from celery import current_app
from django.utils import timezone
from kombu.exceptions import KombuError

from config.celery import QUEUES
from config.deliveries.selectors import measure_ledger
from config.outbox.selectors import measure_outbox
from config.own_metrics.registry import Metric, Sample, own_metrics

#: A broker that does not answer must not hold up the answer of /metrics; its lengths are then left out.
_BROKER_OPTIONS = {"max_retries": 0, "socket_timeout": 2, "socket_connect_timeout": 2}

OUTBOX_PENDING = Metric("postlaunch_outbox_pending", "gauge", "Events that wait for their subscribers.")
OUTBOX_OLDEST = Metric("postlaunch_outbox_oldest_seconds", "gauge", "Age of the oldest waiting event; 0 if none waits.")
OUTBOX_SET_ASIDE = Metric("postlaunch_outbox_set_aside", "gauge", "Events that failed too often and wait for a person.")
DELIVERIES = Metric("postlaunch_deliveries", "gauge", "Messages by state: queued, sending, failed.", ("state",))
DELIVERY_OLDEST = Metric(
    "postlaunch_delivery_oldest_seconds",
    "gauge",
    "How long the most overdue message could have gone out; 0 if none could.",
)
QUEUE_LENGTH = Metric("postlaunch_queue_length", "gauge", "Tasks that wait in a queue.", ("queue",))


@own_metrics("outbox", OUTBOX_PENDING, OUTBOX_OLDEST, OUTBOX_SET_ASIDE)
def read_outbox() -> Iterable[Sample]:
    """Read what waits in the outbox."""
    lag = measure_outbox()
    yield Sample(OUTBOX_PENDING, lag.pending)
    yield Sample(OUTBOX_OLDEST, lag.oldest_seconds(timezone.now()))
    yield Sample(OUTBOX_SET_ASIDE, lag.set_aside)


@own_metrics("deliveries", DELIVERIES, DELIVERY_OLDEST)
def read_deliveries() -> Iterable[Sample]:
    """Read what the ledger holds."""
    state = measure_ledger()
    yield Sample(DELIVERIES, state.queued, {"state": "queued"})
    yield Sample(DELIVERIES, state.sending, {"state": "sending"})
    yield Sample(DELIVERIES, state.failed, {"state": "failed"})
    yield Sample(DELIVERY_OLDEST, state.oldest_seconds(timezone.now()))


@own_metrics("queues", QUEUE_LENGTH)
def read_queues() -> Iterable[Sample]:
    """Read the queues' lengths from the broker."""
    with current_app.connection_for_read(transport_options=_BROKER_OPTIONS) as broker:
        channel = broker.default_channel
        for queue in QUEUES:
            yield Sample(QUEUE_LENGTH, _measure_queue(channel, queue), {"queue": queue})


def _measure_queue(channel: object, queue: str) -> int:
    try:
        return int(channel.queue_declare(queue=queue, passive=True).message_count)  # type: ignore[attr-defined]
    except KombuError:
        return 0  # nothing was ever sent to it
    except Exception as error:
        # Brokers answer "no such queue" with an error class of their own.
        if getattr(error, "code", None) == 404 or "404" in str(error):
            return 0
        raise
