"""The board of alerts: the answer first, then what waits for somebody, who has what, and what is held back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.template.defaultfilters import date as format_date
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_POST, require_safe

from alerts.admin.snoozes import MAX_AT_ONCE
from alerts.board import HOURS, SHOWN, Board, count_by_hour, list_unattended, read_board
from alerts.rosters import list_on_call_now
from alerts.selectors import measure_standing
from alerts.services.alerts import acknowledge_all
from alerts.timeline import hold_tone
from config.actors import actor_of_user
from config.admin.pages import admin_page
from config.admin.states import State
from config.bars import Bar, draw_bars
from config.lengths import describe_seconds

VIEW = "alerts.view_alert"


@admin_page("alerts/board/", name="alerts_board", permission=VIEW)
@require_safe
def show_board(request: HttpRequest) -> HttpResponseBase:
    """Show what fires by what has to be done about it. Its parts renew themselves (?part=1 answers with them alone)."""
    now = timezone.now()
    board, standing = read_board(), measure_standing()
    hours = count_by_hour(now=now)
    context: dict[str, Any] = {
        "answer": _answer(board, standing.firing),
        "state": State.BAD if board.waiting else State.WATCH if standing.firing else State.WELL,
        "standing": standing,
        "waiting": [(each, describe_seconds(each.repeat.total_seconds())) for each in board.waiting[:SHOWN]],
        "waiting_more": max(0, len(board.waiting) - SHOWN),
        "kept": board.kept,
        "held": [(each, hold_tone(each.hold)) for each in board.held],
        "shown": SHOWN,
        "found": list(list_on_call_now(now).items()),
        "can_add": request.user.has_perm("alerts.add_oncallschedule"),
        "may_respond": request.user.has_perm("alerts.change_alert"),
        "course": _draw(hours, now),
        "fired": sum(hours),
        "now": now,
    }
    if request.GET.get("part"):
        return render(request, "alerts/board_parts.html", context)
    return render(request, "alerts/board.html", {**admin.site.each_context(request), "title": "Alerts", **context})


@admin_page("alerts/board/<int:pk>/acknowledge/", name="alerts_board_acknowledge", permission="alerts.change_alert")
@require_POST
def take(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Note that the reader looks after everything in a group of the board that nobody looked after."""
    alerts = list_unattended(group_id=pk)
    taken = acknowledge_all(alert_ids=alerts, by=actor_of_user(request.user))
    words = "You look after 1 alert now." if taken == 1 else f"You look after {taken} alerts now."
    messages.success(request, words if taken else "Nothing to acknowledge: it is over, or somebody was faster.")
    return redirect("admin:alerts_board")


@admin_page("alerts/board/<int:pk>/snooze/", name="alerts_board_snooze", permission="alerts.change_alert")
@require_safe
def offer_snooze(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Lead to the question until when everything in a group of the board that nobody looks after is to be quiet."""
    found = list_unattended(group_id=pk)
    if len(found) > MAX_AT_ONCE:
        messages.warning(
            request, f"Snooze {MAX_AT_ONCE} alerts at most; for {len(found):,} a silence is the better way."
        )
        return redirect("admin:alerts_board")
    chosen = [("alert", alert_id) for alert_id in found]
    return redirect(f"{reverse('admin:alerts_snooze')}?{urlencode([*chosen, ('back', 'board')])}")


def _answer(board: Board, firing: int) -> str:
    if not firing:
        return "Nothing fires."
    waiting = board.waiting_count
    held = sum(len(each.alerts) for each in board.held)
    kept = sum(len(each.alerts) for each in board.kept)
    parts = [f"{waiting} alert{' waits' if waiting == 1 else 's wait'} for somebody"] if waiting else []
    parts += [f"{kept} {'is' if kept == 1 else 'are'} looked after"] if kept else []
    parts += [f"{held} {'is' if held == 1 else 'are'} held back"] if held else []
    return f"{'' if waiting else 'Nothing waits for anybody: '}{', '.join(parts)}."


def _draw(hours: list[int], now: datetime) -> SafeString:
    start = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    bars = [
        Bar(count, f"{_write(start + timedelta(hours=place))}: {count:,} began") for place, count in enumerate(hours)
    ]
    # Numbers and times only.
    return mark_safe(draw_bars(bars, label="Alerts that began to fire", first=_write(start), last="now"))  # noqa: S308


def _write(moment: datetime) -> str:
    return format_date(timezone.localtime(moment), "D H:i")
