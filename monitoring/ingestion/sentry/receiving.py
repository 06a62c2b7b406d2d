"""From a parsed envelope to what is stored, and to the account of everything in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from monitoring.errors.services.inbox import Incoming
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.sentry.envelopes import MAX_ITEM_BYTES, Envelope, Item, Refused
from monitoring.ingestion.sentry.items.attachments import take_attachment
from monitoring.ingestion.sentry.items.check_ins import take_check_in
from monitoring.ingestion.sentry.items.events import find_kind, take_event
from monitoring.ingestion.sentry.items.logs import take_logs
from monitoring.ingestion.sentry.items.losses import take_client_report
from monitoring.ingestion.sentry.items.sessions import take_session, take_session_counts
from monitoring.ingestion.sentry.items.spans import take_spans, take_transaction
from monitoring.ingestion.sentry.items.user_reports import take_feedback, take_user_report
from monitoring.ingestion.sentry.limits import Limiter
from monitoring.ingestion.sentry.received import Context, ItemInvalid, Received, Taker
from monitoring.ingestion.sentry.security import SecurityReports

#: Who takes which kind of item. What nobody takes is counted by name as not kept.
TAKERS: dict[str, Taker] = {
    "event": take_event,
    "client_report": take_client_report,
    "session": take_session,
    "sessions": take_session_counts,
    "log": take_logs,
    "transaction": take_transaction,
    "span": take_spans,
    "check_in": take_check_in,
    "feedback": take_feedback,
    "attachment": take_attachment,
    "user_report": take_user_report,
}


def sort_out(envelope: Envelope, context: Context, limiter: Limiter) -> Received:
    """Return the records to store and what becomes of everything else."""
    received = Received(Batch(context.application_id), event_id=envelope.event_id)
    for refused in envelope.refused:
        received.refuse(refused)
    for signal, count in envelope.limited.items():
        received.batch.account.add(signal, "limited", count)
    for item in envelope.items:
        _take(received, item, context, limiter)
    return received


def sort_out_store(body: bytes, context: Context, limiter: Limiter) -> Received:
    """Return the same for the body of an older client, which is one event."""
    envelope = Envelope({})
    limit = MAX_ITEM_BYTES["event"]
    if len(body) > limit:
        reason = f"the event has {len(body)} bytes; at most {limit} are taken"
        envelope.refused.append(Refused("errors", reason, is_size=True))
    else:
        envelope.items.append(Item("event", {}, body))
    return sort_out(envelope, context, limiter)


def sort_out_security(reports: SecurityReports, context: Context, limiter: Limiter) -> Received:
    """Return the same for reports of browsers: they are errors to whoever reads them, and counted as what they are."""
    received = Received(Batch(context.application_id))
    account = received.batch.account
    is_limited = bool(reports.events) and not limiter.admits("security", len(reports.events))
    account.add("security", "limited", reports.limited + (len(reports.events) if is_limited else 0))
    account.add("security", "dropped", reports.foreign)
    if reports.refused:
        received.refuse(Refused("security", "it names no kind of report", reports.refused))
    for event in () if is_limited else reports.events:
        incoming = Incoming.pack(
            context.application_id, event.event_id, context.received_at, event.encode(), client_ip=context.client_ip
        )
        received.batch.add(incoming, signal="security")
    return received


def _take(received: Received, item: Item, context: Context, limiter: Limiter) -> None:
    try:
        item = find_kind(item) if item.type == "event" else item
        take = TAKERS.get(item.type)
        if not limiter.admits(item.signal, item.count):
            received.batch.account.add(item.signal, "limited", item.count)
        elif take is None:
            received.batch.account.add(item.signal, "dropped", item.count)
        else:
            counted = dict(received.batch.account.counts) if limiter.has_kinds else {}
            take(received, item, context)
            _charge_rest(limiter, item, counted, received.batch.account.counts)
    except ItemInvalid as error:
        received.refuse(Refused(item.signal, str(error), item.count))


def _charge_rest(
    limiter: Limiter, item: Item, before: Mapping[tuple[str, str], int], after: Mapping[tuple[str, str], int]
) -> None:
    """Count what an item turned out to hold beyond what it was admitted for: its header may have said less."""
    if not limiter.has_kinds:
        return
    held: dict[str, int] = {item.signal: -item.count}
    for (signal, column), count in after.items():
        held[signal] = held.get(signal, 0) + count - before.get((signal, column), 0)
    for signal, count in held.items():
        if count > 0:
            limiter.charge(signal, count)


def describe_refusals(refused: Iterable[Refused]) -> str:
    """Return the reasons in one text."""
    return "; ".join(dict.fromkeys(each.reason for each in refused))
