"""The sidebar: by task, not by room or model. Entries whose page does not exist (yet) are not shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from config.admin.states import State
from config.panels import find_needs


@dataclass(frozen=True, slots=True)
class Entry:
    """One link. `need` names the registered need (config/panels.py) whose count stands beside it."""

    title: str
    icon: str
    url_name: str
    permission: str = ""
    need: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that serve one task."""

    title: str
    entries: tuple[Entry, ...]


#: Wired by name only: a room that is absent leaves its entries out.
SIDEBAR: tuple[Group, ...] = (
    Group("", (Entry("Home", "home", "admin:index"),)),
    Group(
        "Respond",
        (
            Entry("Alerts", "notifications", "admin:alerts_alert_changelist", "alerts.view_alert", "alerts"),
            Entry(
                "Incidents", "emergency", "admin:incidents_incident_changelist", "incidents.view_incident", "incidents"
            ),
            Entry("Silences", "notifications_off", "admin:alerts_silence_changelist", "alerts.view_silence"),
            Entry("On call", "support_agent", "admin:alerts_on_call", "", "on_call"),
        ),
    ),
    Group(
        "Understand",
        (
            Entry(
                "Errors",
                "bug_report",
                "admin:monitoring_errorissue_changelist",
                "monitoring.view_errorissue",
                "errors",
            ),
            Entry("Web vitals", "speed", "admin:monitoring_web_vitals", "monitoring.view_application"),
            Entry("Performance", "avg_pace", "admin:monitoring_performance", "monitoring.view_application"),
            Entry("Logs", "subject", "admin:monitoring_logs", "monitoring.view_application"),
            Entry("Releases", "rocket_launch", "admin:monitoring_release_changelist", "monitoring.view_release"),
            Entry("Uptime", "radar", "admin:monitoring_check_changelist", "monitoring.view_check"),
            Entry("People", "person_search", "admin:monitoring_people", "monitoring.view_errorissue"),
            Entry("Metrics", "monitoring", "admin:monitoring_metrics_explorer", "monitoring.view_application"),
            Entry("What came in", "fact_check", "admin:monitoring_losses", "monitoring.view_application"),
        ),
    ),
    Group(
        "Listen",
        (
            Entry(
                "User reports",
                "rate_review",
                "admin:monitoring_userreport_changelist",
                "monitoring.view_userreport",
            ),
        ),
    ),
    Group(
        "Set up",
        (
            Entry(
                "Applications and keys",
                "apps",
                "admin:monitoring_application_changelist",
                "monitoring.view_application",
                "applications",
            ),
            Entry(
                "Source maps",
                "data_object",
                "admin:monitoring_sourcebundle_changelist",
                "monitoring.view_sourcebundle",
            ),
            Entry(
                "Maintenance",
                "construction",
                "admin:monitoring_maintenancewindow_changelist",
                "monitoring.view_maintenancewindow",
            ),
            Entry("Rules", "rule", "admin:alerts_rule_changelist", "alerts.view_rule", "rules"),
            Entry(
                "Critical patterns",
                "crisis_alert",
                "admin:monitoring_criticalpattern_changelist",
                "monitoring.view_criticalpattern",
            ),
            Entry("Components", "account_tree", "admin:alerts_component_changelist", "alerts.view_component"),
            Entry("Inhibition", "hearing_disabled", "admin:alerts_inhibitrule_changelist", "alerts.view_inhibitrule"),
            Entry(
                "Schedules",
                "calendar_month",
                "admin:alerts_oncallschedule_changelist",
                "alerts.view_oncallschedule",
            ),
            Entry("Channels", "campaign", "admin:alerts_channel_changelist", "alerts.view_channel"),
            Entry("Escalation", "stairs", "admin:alerts_policy_changelist", "alerts.view_policy"),
            Entry("Noise", "volume_up", "admin:alerts_noise", "alerts.view_alert"),
            Entry("Routes", "alt_route", "admin:alerts_route_changelist", "alerts.view_route"),
            Entry("How I am reached", "contact_phone", "admin:alerts_reach"),
            Entry("People and roles", "group", "admin:auth_user_changelist", "auth.view_user"),
            Entry(
                "Deliveries", "outgoing_mail", "admin:config_delivery_changelist", "config.view_delivery", "deliveries"
            ),
            Entry("Events", "sync_alt", "admin:config_event_changelist", "config.view_event"),
            Entry("System", "dns", "admin:config_system", "django_celery_beat.view_periodictask", "system"),
        ),
    ),
)

_BADGE = {State.BAD: "danger", State.WATCH: "warning", State.INFO: "info"}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar as the theme wants it."""
    if not request.user.is_active or not request.user.is_staff:
        return []
    groups = [{"title": group.title, "items": _items(group, request)} for group in SIDEBAR]
    return [group for group in groups if group["items"]]


def _items(group: Group, request: HttpRequest) -> list[dict[str, Any]]:
    items = (_item(entry, request) for entry in group.entries)
    return [item for item in items if item is not None]


def _item(entry: Entry, request: HttpRequest) -> dict[str, Any] | None:
    try:
        link = reverse(entry.url_name)
    except NoReverseMatch:
        return None
    if entry.permission and not request.user.has_perm(entry.permission):
        return None
    item: dict[str, Any] = {"title": entry.title, "icon": entry.icon, "link": link}
    waiting = find_needs(request).get(entry.need) if entry.need else None
    if waiting is not None:
        # Digits only: the theme takes a dotted string for the path of a callback.
        item |= {"badge": str(waiting.count), "badge_variant": _BADGE.get(waiting.state, "info")}
    return item
