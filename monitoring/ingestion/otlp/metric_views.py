"""The door for OTLP's metrics."""

from __future__ import annotations

import numpy as np
from django.utils import timezone

from config.api.errors import BodyTooLarge
from monitoring.ingestion.otlp.doors import Export, Outcome, otlp_door
from monitoring.ingestion.otlp.metrics import read_metrics
from monitoring.ingestion.otlp.wire import METRICS, ExportTooLarge
from monitoring.metrics.points import PointBatch, StoreResult
from monitoring.metrics.series import spellings
from monitoring.metrics.services import describe_metrics, store_points

SHOWN_REASONS = 3


@otlp_door(METRICS)
def receive_metrics(export: Export) -> Outcome:
    """Store data points as points of series; say which were not kept, and why."""
    application_id = export.grant.application_id
    try:
        read = read_metrics(export.groups, spellings.of(application_id), is_json=export.is_json)
    except ExportTooLarge as error:
        raise BodyTooLarge(str(error)) from error
    if read.descriptions:
        describe_metrics(application_id=application_id, descriptions=read.descriptions)
    if not read.batch.received:
        return Outcome()
    unreadable = read.batch.refusals.count
    before = np.bincount(read.batch.indexes, minlength=read.data_points)
    result = store_points(application_id=application_id, batch=read.batch, now=timezone.now())
    after = np.bincount(read.batch.indexes, minlength=read.data_points)
    # A histogram of which one bucket is missing was not taken.
    rejected = unreadable + int(np.count_nonzero(before != after))
    return Outcome(rejected, _explain(result, read.batch) if rejected else "")


def _explain(result: StoreResult, batch: PointBatch) -> str:
    reasons = [
        " ".join(
            part
            for part in (
                refusal.series,
                refusal.field if refusal.field not in {"metric", "data point"} else "",
                refusal.reason,
            )
            if part
        )
        for refusal in batch.refusals.shown[:SHOWN_REASONS]
    ]
    if result.limited:
        reasons.append(f"{result.limited} points are of series beyond the application's limit")
    return "; ".join(dict.fromkeys(reasons))
