"""The tree of components with the alerts that fire, as the admin and REST show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.component_tree import Branch, Health, draw_tree
from alerts.enums import AlertState
from alerts.models import Alert, Component
from alerts.services.grouping import label_alert
from alerts.services.holding import find_holds, read_components


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the tree with its rows. `words`: whose alert holds it, empty if nothing does."""

    branch: Branch
    row: Component
    alerts: list[Alert]
    words: str

    @property
    def health(self) -> Health:
        """How it is."""
        return self.branch.health


def list_tree(*, now: datetime, application_id: int | None = None) -> list[Line]:
    """Return all components as a tree; with an application, only its own and those of all applications."""
    holds = find_holds(now=now)
    firing = {
        alert.pk: alert
        for alert in Alert.objects.filter(state=AlertState.FIRING).select_related("application", "rule").order_by("pk")
    }
    because = {
        alert_id: reason.text
        for alert_id, reasons in holds.reasons.items()
        for reason in reasons
        if reason.kind == "component"
    }
    rows = {row.pk: row for row in Component.objects.select_related("application")}
    if application_id is not None:
        rows = {pk: row for pk, row in rows.items() if row.application_id in (None, application_id)}
        firing = {pk: alert for pk, alert in firing.items() if alert.application_id == application_id}
    chosen = [one for one in read_components() if one.component_id in rows]
    labelled = [(alert.pk, label_alert(alert)) for alert in firing.values()]
    return [
        Line(
            branch,
            rows[branch.component.component_id],
            [firing[alert_id] for alert_id in branch.alert_ids],
            next((because[alert_id] for alert_id in branch.alert_ids if alert_id in because), ""),
        )
        for branch in draw_tree(chosen, labelled, frozenset(because))
    ]
