"""The page behind a message's link: act on its alerts without logging in. Only its buttons change anything."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from alerts.enums import AlertState
from alerts.holders import Holder, find_holder
from alerts.links import VALID_FOR, Link, LinkInvalid, read_link
from alerts.models import Alert
from alerts.selectors import list_alerts_of_notice
from alerts.services.alerts import AlertOver, acknowledge_alert, snooze_alert
from alerts.services.rationing import Ration, list_used, take_use
from config.actors import Actor

SNOOZES = {"1h": timedelta(hours=1), "4h": timedelta(hours=4)}
#: What the buttons say, and what is said once it is done.
WISHES = {
    "acknowledge": "You look after it now.",
    "1h": "It is quiet for an hour now.",
    "4h": "It is quiet for four hours now.",
}
NOTHING_LEFT = "Nothing was left to do: somebody looks after it already, or it is over."
USED = "This button was used already, and it works once for each message. Sign in to do it again."


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, token: str) -> HttpResponse:
    """Show a message's alerts with buttons; on POST do what the button says, once."""
    try:
        link = read_link(token)
        holder = find_holder(link)
    except LinkInvalid as error:
        return render(request, "alerts/act.html", {"error": str(error)}, status=403)
    done = _act_once(request.POST.get("do", ""), link, holder) if request.method == "POST" else ""
    alerts = list(Alert.objects.filter(pk__in=list_alerts_of_notice(notice_id=link.notice_id)).order_by("pk"))
    used = list_used((_once(link, wish) for wish in SNOOZES), now=timezone.now())
    context = {
        "alerts": alerts,
        "done": done,
        "open": [alert for alert in alerts if alert.state == AlertState.FIRING],
        "free": [alert for alert in alerts if alert.state == AlertState.FIRING and not alert.is_acknowledged],
        "snoozes": [wish for wish in SNOOZES if _once(link, wish).name not in used],
        "recipient": holder.name,
    }
    return render(request, "alerts/act.html", context)


@transaction.atomic
def _act_once(wish: str, link: Link, holder: Holder) -> str:
    """Do what a button says, once for a message and its recipient; return what came of it, in words."""
    if wish not in WISHES:
        return NOTHING_LEFT
    if take_use(_once(link, wish), now=timezone.now()) is not None:
        return USED
    if not _act(wish, link.notice_id, holder):
        # A button that changed nothing can still be of use later.
        transaction.set_rollback(True)
        return NOTHING_LEFT
    return WISHES[wish]


def _once(link: Link, wish: str) -> Ration:
    return Ration(f"{link.name}:{wish}", 1, VALID_FOR)


def _act(wish: str, notice_id: int, holder: Holder) -> int:
    """Do what a button says with every alert that still fires; return how many that changed."""
    by = Actor(name=f"{holder.name} (by link)", user_id=holder.user_id)
    changed = 0
    for alert_id in sorted(list_alerts_of_notice(notice_id=notice_id)):
        try:
            if wish in SNOOZES:
                changed += snooze_alert(alert_id=alert_id, until=timezone.now() + SNOOZES[wish], by=by)
            else:
                changed += acknowledge_alert(alert_id=alert_id, by=by, via=holder.recipient)
        except AlertOver:
            continue
    return changed
