"""The kernel's reference pages: settings, errors, events, own metrics."""

from __future__ import annotations

from typing import Any

from config.api.catalogue import describe_error, list_errors
from config.options import OPTIONS
from config.outbox.registry import described_events, subscribers_of
from config.own_metrics.registry import registered_metrics
from config.reference_pages import reference, write_table


@reference("docs/settings.md")
def write_settings() -> str:
    """Every environment variable."""
    rows = [(f"`{option.name}`", option.kind, _show_default(option.default), option.help) for option in OPTIONS]
    return (
        "# Settings\n\n"
        "Everything an operator can set comes from the environment. Nothing has to be set for a first start. Lists are "
        "separated by commas; booleans are `true` or `false`. `python manage.py check --deploy` tells which values can't "
        "work or aren't safe.\n\n" + write_table(("variable", "type", "default", "what it does"), rows)
    )


@reference("docs/errors.md")
def write_errors() -> str:
    """Every error of the API."""
    rows = [(kind.status, f"`{kind.slug}`", kind.title, describe_error(kind)) for kind in list_errors()]
    return (
        "# Errors of the API\n\n"
        "Every answer other than success is a problem document (RFC 9457): `Content-Type: application/problem+json` with "
        "`type`, `title`, `status`, `detail`, and for some errors more members, such as `errors` with a `field` and a "
        "`detail` for each fault. `type` is the address of the error's entry on `/api/docs/errors/`, made of the name "
        "below. Answers 429 and 503 carry `Retry-After` in seconds. Protocols that define errors of their own "
        "(Prometheus) answer in their own shape.\n\n" + write_table(("status", "name", "title", "what to do"), rows)
    )


@reference("docs/events.md")
def write_events() -> str:
    """Every kind of event between rooms."""
    introduction = (
        "A room tells others of a change by an event: a row written in the same transaction as the change "
        "(`config.outbox.services.publish`). A dispatcher hands it to every subscriber (`config.outbox.registry.subscribe`, "
        "in `<room>/handlers.py`). A subscriber's work in the database and its receipt are one transaction, so that it "
        "happens exactly once per event, however often the dispatcher is killed. A failing subscriber is tried again after "
        "5 s, 15 s, 1, 5, 15, 30 min, 1, 2 and 4 h without holding up the others; after ten attempts the event is set "
        "aside with its reason and waits in the admin under Events. Events are independent: subscribers don't count on "
        "their order.\n"
    )
    parts = ["# Events between rooms\n", introduction]
    for event in described_events():
        parts.append(f"## `{event.type}`\n\n{event.description}\n")
        parts.append(write_table(("member", "meaning"), [(f"`{name}`", text) for name, text in event.payload.items()]))
        names = ", ".join(f"`{subscriber.name}`" for subscriber in subscribers_of(event.type))
        parts.append(f"Subscribers: {names or 'none yet'}\n")
    return "\n".join(parts)


@reference("docs/own-metrics.md")
def write_own_metrics() -> str:
    """Every metric that Postlaunch measures of itself."""
    rows = [
        (f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels) or "none", metric.help)
        for metric in registered_metrics()
    ]
    return (
        "# Own metrics\n\n"
        "What Postlaunch measures of itself is recorded every 15 s for the application of its own host, so that rules and "
        "charts can use it, and shown at `/metrics` in Prometheus' format: to this machine as it is, to others with a key "
        "of scope `read`.\n\n" + write_table(("metric", "kind", "labels", "meaning"), rows)
    )


def _show_default(value: Any) -> str:
    if value in ("", []):
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{','.join(value)}`" if isinstance(value, list) else f"`{value}`"
