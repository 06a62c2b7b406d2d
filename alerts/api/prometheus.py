"""Rules and alerts as Prometheus' HTTP API shows them, for Grafana and whatever else reads that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import QueryDict
from django.utils import timezone

from alerts.alertmanager import write_time
from alerts.enums import AlertState
from alerts.formatting import show_float
from alerts.labels import CAUSE
from alerts.models import Alert, Rule
from alerts.selectors import list_alerts, list_rules
from config.api.authentication import KeyGrant
from config.settings import OPTION
from monitoring.metrics.prometheus_api import endpoint

GROUP = "postlaunch"


@endpoint
def rules(grant: KeyGrant, parameters: QueryDict) -> dict[str, Any]:
    """Answer /prometheus/api/v1/rules: one group with the alerting rules that judge the key's application."""
    # There are no recording rules, so a client that asks for those alone gets none.
    return {"groups": []} if parameters.get("type") == "record" else describe_rules(grant.application_id)


@endpoint
def alerts(grant: KeyGrant, parameters: QueryDict) -> dict[str, Any]:
    """Answer /prometheus/api/v1/alerts: the open alerts of the key's application."""
    return describe_alerts(grant.application_id)


def describe_rules(application_id: int) -> dict[str, Any]:
    """Return the `data` member of an answer about rules."""
    found = list(list_rules(application_id=application_id).filter(enabled=True).order_by("name", "pk"))
    by_rule: dict[int, list[Alert]] = {rule.pk: [] for rule in found}
    for alert in _open(application_id):
        by_rule.setdefault(alert.rule_id or 0, []).append(alert)
    evaluated = max((rule.last_evaluated_at for rule in found if rule.last_evaluated_at), default=None)
    group = {
        "name": GROUP,
        "file": GROUP,
        "interval": OPTION["RULE_INTERVAL_SECONDS"],
        "limit": 0,
        "rules": [_describe_rule(rule, by_rule[rule.pk]) for rule in found],
        "evaluationTime": sum(rule.last_duration_seconds or 0 for rule in found),
        "lastEvaluation": write_time(evaluated or timezone.now()),
    }
    return {"groups": [group] if found else []}


def describe_alerts(application_id: int) -> dict[str, Any]:
    """Return the `data` member of an answer about alerts."""
    return {"alerts": [_describe_alert(alert) for alert in _open(application_id)]}


def _open(application_id: int) -> Iterable[Alert]:
    return list_alerts(application_id=application_id).filter(state__in=["pending", "firing"]).order_by("pk")


def _describe_rule(rule: Rule, alerts: list[Alert]) -> dict[str, Any]:
    states = {alert.state for alert in alerts}
    worst = next((state for state in (AlertState.FIRING, AlertState.PENDING) if state in states), AlertState.INACTIVE)
    return {
        "state": str(worst.value),
        "name": rule.name,
        "query": rule.condition,
        "duration": rule.for_seconds,
        "keepFiringFor": rule.keep_firing_for_seconds,
        "labels": {**rule.labels, "severity": rule.severity},
        "annotations": rule.annotations,
        "alerts": [_describe_alert(alert) for alert in alerts],
        "health": "err" if rule.last_error else "ok" if rule.last_evaluated_at else "unknown",
        "lastError": rule.last_error,
        "evaluationTime": rule.last_duration_seconds or 0,
        "lastEvaluation": write_time(rule.last_evaluated_at or rule.created_at),
        "type": "alerting",
    }


def _describe_alert(alert: Alert) -> dict[str, Any]:
    """Return an alert; one from outside says beside Prometheus' members whose it is."""
    cause = {CAUSE: alert.cause} if alert.is_no_data else {}
    origin = {"source": alert.source, "generatorURL": alert.generator_url} if alert.source else {}
    return {
        **origin,
        "labels": {**alert.labels, **cause, "alertname": alert.name, "severity": alert.severity},
        "annotations": alert.annotations,
        "state": alert.state,
        "activeAt": write_time(alert.active_since),
        "value": "" if alert.value is None else show_float(alert.value),
    }
