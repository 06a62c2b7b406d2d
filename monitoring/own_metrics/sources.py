"""Own metrics of this room: what was sent, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import timezone

from config.own_metrics.registry import Metric, Sample, own_metrics
from monitoring.ingestion.spool import spool
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import sum_accounts

_LABELS = ("application",)
RECEIVED = Metric(
    "postlaunch_ingest_points_received_total", "counter", "Metric points that arrived this year.", _LABELS
)
STORED = Metric(
    "postlaunch_ingest_points_stored_total", "counter", "Metric points that were stored this year.", _LABELS
)
REFUSED = Metric(
    "postlaunch_ingest_points_refused_total", "counter", "Metric points that were refused for what they are.", _LABELS
)
LIMITED = Metric(
    "postlaunch_ingest_points_limited_total", "counter", "Valid metric points beyond a limit, not stored.", _LABELS
)
SPOOLED = Metric(
    "postlaunch_spool_bytes",
    "gauge",
    "Telemetry that waits on this machine's disk because the database was away when it came.",
)
ASIDE = Metric("postlaunch_spool_set_aside", "gauge", "Entries of the spool that could not be stored.")


@own_metrics("ingest", RECEIVED, STORED, REFUSED, LIMITED)
def read_intake() -> Iterable[Sample]:
    """Read the loss accounts of all applications, labelled with the application's id."""
    for application_id, total in sum_accounts(signal=Signal.POINTS, now=timezone.now()).items():
        labels = {"application": str(application_id)}
        yield Sample(RECEIVED, total.received, labels)
        yield Sample(STORED, total.stored, labels)
        yield Sample(REFUSED, total.refused, labels)
        yield Sample(LIMITED, total.limited, labels)


@own_metrics("spool", SPOOLED, ASIDE)
def read_spool() -> Iterable[Sample]:
    """Look at the spool's directory."""
    yield Sample(SPOOLED, spool.count_bytes())
    yield Sample(ASIDE, spool.count_aside())
