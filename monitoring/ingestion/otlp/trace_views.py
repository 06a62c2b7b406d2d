"""The door for OTLP's traces."""

from __future__ import annotations

from django.utils import timezone

from monitoring.errors.services.digesting import read_rules
from monitoring.errors.services.inbox import Incoming
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.otlp.doors import Export, Outcome, otlp_door
from monitoring.ingestion.otlp.traces import read_traces
from monitoring.ingestion.otlp.wire import TRACES
from monitoring.ingestion.storing import store_batch


@otlp_door(TRACES)
def receive_traces(export: Export) -> Outcome:
    """Store spans with the requests and queries they are, and the exceptions they tell of as error events; say what was refused."""
    now = timezone.now()
    application_id = export.grant.application_id
    read = read_traces(
        export.groups, is_json=export.is_json, application_id=application_id, received_at=now, rules=read_rules()
    )
    batch = Batch(application_id)
    for found in read.found:
        batch.records += [*found.requests, *found.queries, *found.vitals, *found.spans]
    # A span may be several records; it is counted once.
    if read.stored:
        batch.account.add("spans", "stored", read.stored)
    if read.refused:
        batch.account.add("spans", "refused", read.refused)
    for event_id, document in dict(read.events).items():
        batch.add(Incoming.pack(application_id, event_id, now, document), signal="errors")
    store_batch(batch)
    return Outcome(read.refused, "; ".join(read.reasons))
