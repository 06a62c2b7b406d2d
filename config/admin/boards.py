"""What the kernel shows on the home board: messages and the system itself; and whether mail works."""

from __future__ import annotations

import time
from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from config.admin.pages import admin_page
from config.admin.states import State
from config.deliveries.enums import Channel
from config.deliveries.enums import State as DeliveryState
from config.deliveries.models import Delivery
from config.deliveries.selectors import measure_ledger
from config.deliveries.services import queue_test_mail
from config.figures import write_ago, write_seconds
from config.health.judgement import Check, Health, judge_together
from config.health.selectors import run_checks
from config.outbox.selectors import measure_outbox
from config.panels import Need, Panel, Step, first_step, need, panel

VIEW_DELIVERIES = "config.view_delivery"
#: A failure older than this is history: it stays in the list of deliveries, but asks nobody any more.
FAILED_WITHIN = timedelta(hours=24)
#: Messages and events that wait longer than this are late.
LATE_SECONDS = 120
STARTING_SECONDS = 60

_started = time.monotonic()


@panel(key="deliveries", title="Messages", order=50, width=1, permission=VIEW_DELIVERIES)
def deliveries(request: HttpRequest) -> Panel:
    """What is on its way to people, and what did not get there."""
    now = timezone.now()
    ledger = measure_ledger()
    failed = find_recent_failures().count()
    sent_last = Delivery.objects.filter(state=DeliveryState.SENT).order_by("-id").first()
    overdue = ledger.oldest_seconds(now)
    state = State.BAD if failed else State.WATCH if overdue > LATE_SECONDS else State.WELL
    words = {State.BAD: "not all arrived", State.WATCH: "late", State.WELL: "well"}[state]
    context = {
        "waiting": ledger.queued + ledger.sending,
        "overdue": write_seconds(overdue) if overdue > LATE_SECONDS else "",
        "failed": failed,
        "sent_last": sent_last,
    }
    return Panel("admin/panels/deliveries.html", context, state, words, _url("admin:config_delivery_changelist"))


@need(key="deliveries", order=15, permission=VIEW_DELIVERIES)
def failed_deliveries(request: HttpRequest) -> Need:
    """Messages that were given up in the last day and not sent again."""
    count = find_recent_failures().count()
    what = "1 message" if count == 1 else f"{count} messages"
    url = f"{_url('admin:config_delivery_changelist')}?state__exact=failed"
    return Need(count, f"{what} could not be sent", url)


def find_recent_failures() -> QuerySet[Delivery]:
    """Return messages that failed within the last day and were not sent again."""
    since = timezone.now() - FAILED_WITHIN
    return Delivery.objects.filter(state=DeliveryState.FAILED, finished_at__gte=since, resends=None)


@panel(key="system", title="This installation", order=60, width=1)
def system(request: HttpRequest) -> Panel:
    """Whether the product itself works: checks, workers, queues."""
    checks = run_checks()
    lag = measure_outbox()
    context = {
        "checks": [(check.name, state_of_check(check), check.detail) for check in checks],
        "pending": lag.pending,
        "oldest": write_seconds(lag.oldest_seconds(timezone.now())) if lag.pending else "",
        "set_aside": lag.set_aside,
    }
    url = _url("admin:config_system")
    if is_starting([check for check in checks if check.health != Health.OK]):
        return Panel("admin/panels/system.html", context, State.INFO, "starting", url)
    state = _STATES[judge_together(checks)]
    words = {State.WELL: "well", State.WATCH: "something is amiss", State.BAD: "not working"}[state]
    return Panel("admin/panels/system.html", context, state, words, url)


@need(key="system", order=30)
def system_needs(request: HttpRequest) -> Need:
    """Checks that fail, and events that nobody could process."""
    bad = [check for check in run_checks() if check.health != Health.OK]
    if bad and not is_starting(bad):
        state = _STATES[judge_together(bad)]
        return Need(len(bad), f"This installation: {bad[0].detail}", _url("admin:config_system"), state)
    aside = measure_outbox().set_aside
    what = "1 event" if aside == 1 else f"{aside} events"
    url = _url("admin:config_event_changelist") or _url("admin:config_system")
    return Need(aside, f"{what} could not be processed", url, State.WATCH)


_STATES = {Health.OK: State.WELL, Health.DEGRADED: State.WATCH, Health.FAILING: State.BAD}


def is_starting(amiss: list[Check]) -> bool:
    """Whether all that is amiss is that no worker has finished a task, in the first minute of this process.

    Web and workers start together; the first task ends some seconds after the first page can be opened.
    """
    is_young = time.monotonic() - _started < STARTING_SECONDS
    return bool(amiss) and is_young and all(check.name == "workers" for check in amiss)


def state_of_check(check: Check) -> State:
    """Return the state that a health check's result stands for."""
    return _STATES[check.health]


@first_step(key="mail", title="Mail works", order=30)
def mail_works(request: HttpRequest) -> Step:
    """Whether a mail has been sent; if not, offer to send one to the reader."""
    url, action = reverse("admin:home_test_mail"), "Send me a test mail"
    sent = Delivery.objects.filter(channel=Channel.EMAIL, state=DeliveryState.SENT).order_by("-id").first()
    if sent is not None:
        ago = write_ago(sent.finished_at or sent.created_at, now=timezone.now())
        return Step(True, f"The mail server takes our mail; the last one went to {sent.recipient} {ago}.")
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    tried = Delivery.objects.filter(channel=Channel.EMAIL).order_by("-id").first()
    if tried is None:
        return Step(
            False, f"Alerts are mailed through {server}. Send one to yourself to be sure.", url, action, posts=True
        )
    text = f"The mail server {server} has not taken a mail yet. Set EMAIL_URL to yours and start again."
    result = tried.last_error or "The test mail is on its way."
    return Step(False, text, url, action, posts=True, result=result)


@admin_page("home/test-mail/", name="home_test_mail")
@require_POST
def send_test_mail(request: HttpRequest) -> HttpResponseBase:
    """Queue a test mail to the reader's own address."""
    address = getattr(request.user, "email", "")
    if not address:
        messages.error(request, "Your account has no mail address. Add one under People and roles, then try again.")
        return redirect("admin:index")
    queue_test_mail(recipient=address, asked_by=request.user.get_username())
    messages.success(request, f"A test mail to {address} is on its way. This page tells when the mail server took it.")
    return redirect("admin:index")


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
