"""What the admin home shows of alerts: the firing ones, what needs someone, and whether rules are on."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from alerts import oncall_panels, related
from alerts.addressing import is_anybody_told, list_resting_channels
from alerts.selectors import Standing, list_firing_alerts, measure_standing
from alerts.services.watching import find_last_watch
from config.admin.states import State
from config.panels import Need, Panel, Step, first_step, need, panel

__all__ = ["firing_alerts", "oncall_panels", "related"]

SHOWN = 6
#: Rules are evaluated every 15 s; after this long without, someone should look.
LATE = timedelta(minutes=2)
VIEW = "alerts.view_alert"


@panel(key="alerts", title="Firing alerts", order=5, width=3, permission=VIEW)
def firing_alerts(request: HttpRequest) -> Panel:
    """The firing alerts that need someone most."""
    standing = measure_standing()
    shown = list_firing_alerts(limit=SHOWN)
    context = {
        "alerts": shown,
        "more": standing.firing - len(shown),
        "standing": standing,
        "is_late": _is_late(standing),
    }
    return Panel(
        "alerts/panel.html",
        context,
        state=_state_of(standing),
        summary=_summarise(standing),
        url=reverse("admin:alerts_alert_changelist"),
    )


@need(key="alerts", order=10, permission=VIEW)
def unacknowledged_alerts(request: HttpRequest) -> Need:
    """Firing alerts that nobody looks after."""
    standing = measure_standing()
    count = standing.unacknowledged
    sentence = f"{count} alert{' fires' if count == 1 else 's fire'} and nobody has acknowledged {'it' if count == 1 else 'them'}"
    url = reverse("admin:alerts_alert_changelist") + "?status=unacknowledged"
    return Need(count, sentence, url, State.BAD if standing.critical else State.WATCH)


@need(key="rules", order=30, permission="alerts.view_rule")
def broken_rules(request: HttpRequest) -> Need:
    """Rules that can't be evaluated, or that nobody evaluates."""
    standing = measure_standing()
    url = reverse("admin:alerts_rule_changelist")
    if _is_late(standing):
        return Need(1, "Rules are not being evaluated: is a worker running?", url, State.BAD)
    count = standing.broken_rules
    sentence = f"{count} rule{'' if count == 1 else 's'} can’t be evaluated"
    return Need(count, sentence, f"{url}?state=error", State.WATCH)


@need(key="watchdog", order=1, permission=VIEW)
def watchdog(request: HttpRequest) -> Need:
    """What keeps alerts from people, by the newest audit; and whether there is one."""
    found, url = find_last_watch(), reverse("admin:config_system")
    if found is None:
        return Need(0, "", url)
    if timezone.now().timestamp() - found.at > LATE.total_seconds() * 2:
        return Need(1, "The watchdog is silent: are scheduler and workers running?", url, State.BAD)
    if found.problems:
        return Need(len(found.problems), " ".join(found.problems[:2]), url, State.BAD)
    if found.remarks:
        return Need(len(found.remarks), " ".join(found.remarks[:2]), url, State.WATCH)
    if found.answer and not found.pinged:
        return Need(1, f"The outside heartbeat could not be told that all is well: {found.answer}", url, State.WATCH)
    return Need(0, "", url)


@first_step(key="rules", title="Alert rules are on", order=40)
def rules_on(request: HttpRequest) -> Step:
    """Whether rules are evaluated, and any way from them leads to somebody."""
    standing = measure_standing()
    url = reverse("admin:alerts_rule_changelist")
    if standing.evaluated_at is None:
        return Step(
            False, "Rules came with Postlaunch; the first evaluation is a few seconds away.", url, "See the rules"
        )
    if not is_anybody_told():
        return Step(
            False,
            "Rules are evaluated, but an alert would reach nobody: set up a channel with an address and make it a default one.",
            reverse("admin:alerts_channel_changelist"),
            "Set up channels",
        )
    return Step(
        True, "Rules watch the server and its database. Change their thresholds, and who is told.", url, "See the rules"
    )


@first_step(key="channels", title="Chat, SMS and telephone are set up", order=45)
def channels_on(request: HttpRequest) -> Step:
    """Whether every channel that a policy names is on; some come without an account."""
    url = reverse("admin:alerts_channel_changelist")
    resting = list_resting_channels()
    if not resting:
        return Step(True, "Every channel that an escalation policy names is switched on.", url, "See the channels")
    names = ", ".join(f"“{name}”" for name in resting[:5])
    return Step(
        False,
        f"Escalation policies name {names}: switched off, so nobody is reached that way. Enter the accounts and switch them on, or "
        "take them out of the policies.",
        url,
        "Set up channels",
    )


def _state_of(standing: Standing) -> State:
    if standing.critical or _is_late(standing):
        return State.BAD
    return State.WATCH if standing.firing else State.WELL


def _summarise(standing: Standing) -> str:
    if not standing.firing:
        return f"none, {standing.pending} pending" if standing.pending else "none"
    return f"{standing.firing}, {standing.unacknowledged} not acknowledged"


def _is_late(standing: Standing) -> bool:
    return standing.evaluated_at is not None and timezone.now() - standing.evaluated_at > LATE
