"""Client reports: what an SDK left out by itself."""

from __future__ import annotations

from monitoring.ingestion.sentry.envelopes import Item
from monitoring.ingestion.sentry.received import Context, ItemInvalid, Received
from monitoring.ingestion.sentry.reports import ReportInvalid, read_client_report


def take_client_report(received: Received, item: Item, context: Context) -> None:
    """Enter a report into the loss account."""
    try:
        missing = read_client_report(item.payload)
    except ReportInvalid as error:
        raise ItemInvalid(str(error)) from error
    account = received.batch.account
    account.add("client_reports", "stored")
    for each in missing:
        account.add(each.signal, "sampled" if each.on_purpose else "lost", each.quantity)
