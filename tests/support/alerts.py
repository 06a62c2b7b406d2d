"""Rules over a real store, evaluated at chosen moments."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from alerts.drafts import RuleDraft
from alerts.models import Alert, Channel, Rule
from alerts.services.evaluating import Run, evaluate_rules
from alerts.services.notifying import Turn, take_turn
from alerts.services.rules import create_rule
from config.deliveries.enums import State
from config.deliveries.models import Delivery
from monitoring.applications.models import Application
from tests.support.metrics import NOW, store

_made = iter(range(1_000_000))


def make_rule(condition: str = "load > 1", **fields: Any) -> Rule:
    """Return a new rule; `fields` are those of its draft."""
    return create_rule(draft=RuleDraft(**{"name": f"Rule {next(_made)}", "condition": condition, **fields}))


def make_channel(address: str = "ops@example.com", **fields: Any) -> Channel:
    """Return a new channel."""
    return Channel.objects.create(**{"name": f"Channel {next(_made)}", "address": address, **fields})


def report(application: Application, value: float, *, at: float = 0, host: str = "erp1", name: str = "load") -> None:
    """Store one value of a series, `at` seconds after NOW."""
    moment = NOW + timedelta(seconds=at)
    labels = {"__name__": name, "host": host}
    store(application, [(labels, int(moment.timestamp() * 1000), value)], now=moment)


def evaluate(at: float = 0) -> Run | None:
    """Evaluate all rules `at` seconds after NOW."""
    return evaluate_rules(now=moment(at))


def tell(at: float = 0) -> Turn:
    """Let groups tell what is due `at` seconds after NOW: 30 s after the first alert, then every 5 min."""
    return take_turn(now=moment(at))


def moment(at: float) -> datetime:
    """Return the time `at` seconds after NOW."""
    return NOW + timedelta(seconds=at)


def states() -> list[str]:
    """Return the state of every alert, oldest first."""
    return list(Alert.objects.order_by("pk").values_list("state", flat=True))


def make_alert(application: Application, *, rule: Rule | None = None, state: str = "firing", **fields: Any) -> Alert:
    """Return an alert as an evaluation would have left it."""
    firing = state in {"firing", "resolved"}
    values: dict[str, Any] = {
        "rule": rule or make_rule(),
        "application": application,
        "fingerprint": f"{next(_made):032x}",
        "labels": {"host": "erp1"},
        "severity": "warning",
        "state": state,
        "value": 2.0,
        "trail": [1.0, 2.0],
        "active_since": NOW,
        "last_seen_at": NOW,
        "fired_at": NOW if firing else None,
        "resolved_at": NOW if state == "resolved" else None,
        **fields,
    }
    return Alert.objects.create(**{"name": values["rule"].name, **values})


def outgoing() -> list[tuple[str, str]]:
    """Return recipient and state of every message, in order; one that only waited for so long that a newer one replaced it is queued."""
    rows = Delivery.objects.order_by("pk").values_list("recipient", "state", "suppressed_because")
    return [(who, State.QUEUED if "is newer" in because else State(state)) for who, state, because in rows]
