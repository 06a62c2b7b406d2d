"""The door for OTLP's logs."""

from __future__ import annotations

from django.utils import timezone

from monitoring.errors.services.digesting import read_rules
from monitoring.errors.services.inbox import Incoming
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.otlp.doors import Export, Outcome, otlp_door
from monitoring.ingestion.otlp.logs import read_logs
from monitoring.ingestion.otlp.wire import LOGS
from monitoring.ingestion.storing import store_batch
from monitoring.repetitions import make_body_key


@otlp_door(LOGS)
def receive_logs(export: Export) -> Outcome:
    """Store lines, and the exceptions they tell of as error events; say what was refused."""
    now = timezone.now()
    application_id = export.grant.application_id
    # Records hold their time to the nanosecond: sent again byte by byte by the same program, an export is the same one.
    parts = (part for group in export.groups for part in (repr(group.resource).encode(errors="replace"), *group.items))
    read = read_logs(
        export.groups,
        is_json=export.is_json,
        application_id=application_id,
        received_at=now,
        rules=read_rules(),
        body_key=make_body_key(b"otlp logs", *parts),
    )
    batch = Batch(application_id)
    for line in read.lines:
        batch.add(line, signal="logs")
    for event_id, document in dict(read.events).items():
        batch.add(Incoming.pack(application_id, event_id, now, document), signal="errors")
    if read.refused:
        batch.account.add("logs", "refused", read.refused)
    store_batch(batch)
    return Outcome(read.refused, "; ".join(read.reasons))
