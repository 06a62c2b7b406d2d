"""Filters of the lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from alerts.enums import OPEN_STATES, AlertCause, AlertSource, AlertState
from alerts.models import Alert, Rule


class StateFilter(admin.SimpleListFilter):
    """Open alerts, unless another state is asked for."""

    title = "state"
    parameter_name = "status"
    default = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose."""
        return [
            ("open", "Open (firing and pending)"),
            ("unacknowledged", "Firing, nobody looks after it"),
            ("firing", "Firing"),
            ("resolved", "Resolved"),
            ("inactive", "Never fired"),
            ("all", "All"),
        ]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """The choices; there is no “All” of the framework's, because nothing chosen means open."""
        chosen = self.value() or self.default
        for value, words in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": chosen == str(value), "query_string": query, "display": words}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        """The alerts in that state."""
        match self.value() or self.default:
            case "open":
                return queryset.filter(state__in=OPEN_STATES)
            case "unacknowledged":
                return queryset.filter(state=AlertState.FIRING, acknowledged_at=None)
            case "firing" | "resolved" | "inactive" as state:
                return queryset.filter(state=state)
            case _:
                return queryset


class WhoseFilter(admin.SimpleListFilter):
    """Whose an alert is."""

    title = "assigned to"
    parameter_name = "assigned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose."""
        return [("me", "Me"), ("nobody", "Nobody")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        """The alerts of that person."""
        if self.value() == "me":
            return queryset.filter(assignee_id=request.user.pk)
        return queryset.filter(assignee=None) if self.value() == "nobody" else queryset


class CauseFilter(admin.SimpleListFilter):
    """Whether data is missing."""

    title = "why"
    parameter_name = "cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose."""
        return [(cause.value, cause.label) for cause in AlertCause]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Alert]:
        """The alerts of that cause; without data are also those that fire on while it is missing."""
        alerts: QuerySet[Alert] = queryset
        if self.value() == AlertCause.CONDITION:
            alerts = queryset.filter(cause=AlertCause.CONDITION)
        elif self.value() == AlertCause.NO_DATA:
            alerts = queryset.without_data()
        return alerts


class SourceFilter(admin.SimpleListFilter):
    """Who reports an alert."""

    title = "reported by"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose."""
        return [("own", "Our rules"), *((source.value, source.label) for source in AlertSource)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        """The alerts of that source."""
        chosen = self.value()
        if chosen is None:
            return queryset
        return queryset.filter(source="" if chosen == "own" else chosen)


class RuleStateFilter(admin.SimpleListFilter):
    """How a rule does; the list's rules carry the number of their firing alerts."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose."""
        return [("alerting", "Alerting"), ("error", "Can't be evaluated"), ("off", "Switched off")]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Rule]:
        """The rules in that state."""
        rules: QuerySet[Rule] = queryset
        match self.value():
            case "alerting":
                rules = queryset.filter(firing__gt=0)
            case "error":
                rules = queryset.exclude(last_error="").filter(enabled=True)
            case "off":
                rules = queryset.filter(enabled=False)
        return rules
