"""The page behind a message's link: act on its alerts without logging in. Only its buttons change anything."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from alerts.enums import AlertState
from alerts.links import LinkInvalid, read_link
from alerts.models import Alert
from alerts.selectors import list_alerts_of_notice
from alerts.services.alerts import AlertOver, acknowledge_alert, snooze_alert
from config.actors import Actor

SNOOZES = {"1h": timedelta(hours=1), "4h": timedelta(hours=4)}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, token: str) -> HttpResponse:
    """Show a message's alerts with buttons; on POST do what the button says, once."""
    try:
        link = read_link(token)
    except LinkInvalid as error:
        return render(request, "alerts/act.html", {"error": str(error)}, status=403)
    by = Actor(name=f"{link.recipient} (by link)")
    done = _act(request.POST.get("do", ""), link.notice_id, by) if request.method == "POST" else ""
    alerts = list(Alert.objects.filter(pk__in=list_alerts_of_notice(notice_id=link.notice_id)).order_by("pk"))
    context = {
        "alerts": alerts,
        "done": done,
        "open": [alert for alert in alerts if alert.state == AlertState.FIRING],
        "free": [alert for alert in alerts if alert.state == AlertState.FIRING and not alert.is_acknowledged],
        "recipient": link.recipient,
    }
    return render(request, "alerts/act.html", context)


def _act(wish: str, notice_id: int, by: Actor) -> str:
    """Do what a button says with every alert that still fires; return what came of it, in words."""
    changed = 0
    for alert_id in list_alerts_of_notice(notice_id=notice_id):
        try:
            if wish == "acknowledge":
                changed += acknowledge_alert(alert_id=alert_id, by=by)
            elif wish in SNOOZES:
                changed += snooze_alert(alert_id=alert_id, until=timezone.now() + SNOOZES[wish], by=by)
        except AlertOver:
            continue
    if not changed:
        return "Nothing was left to do: somebody looks after it already, or it is over."
    if wish == "acknowledge":
        return "You look after it now."
    return f"It is quiet for {'an hour' if wish == '1h' else 'four hours'} now."
