"""The right half of the editor: one look with what is filled in; nothing is saved and nobody is told."""

from __future__ import annotations

from dataclasses import replace

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from config.admin.pages import admin_page
from config.ids import read_id
from monitoring.uptime.admin.forms import CheckForm
from monitoring.uptime.cron_lines import find_zone, list_cron_times
from monitoring.uptime.drafts import CheckDraft
from monitoring.uptime.enums import CheckKind
from monitoring.uptime.models import Check
from monitoring.uptime.probes.looking import look
from monitoring.uptime.selectors import is_private_allowed

#: Someone is waiting, and so is a thread of the web process.
MAX_SECONDS = 10


@admin_page("monitoring/check/try/", name="monitoring_check_try")
@require_POST
def try_now(request: HttpRequest) -> HttpResponseBase:
    """Look once and return what was found."""
    if not (request.user.has_perm("monitoring.add_check") or request.user.has_perm("monitoring.change_check")):
        raise PermissionDenied
    form = CheckForm(_complete(request), instance=_find_original(request))
    if not form.is_valid():
        labels = {name: str(field.label or name.replace("_", " ")) for name, field in form.fields.items()}
        errors = [(labels.get(name, ""), str(error)) for name, found in form.errors.items() for error in found]
        return render(request, "monitoring/uptime/tried.html", {"errors": errors})
    return render(request, "monitoring/uptime/tried.html", _look(form.draft()))


def _find_original(request: HttpRequest) -> Check:
    """Return the check that is being changed, whose hidden values are sent with the look; a new one where there is none."""
    pk = request.POST.get("own_check", "")
    known = Check.objects.filter(pk=read_id(pk)).first()
    return known or Check()


def _complete(request: HttpRequest) -> dict[str, str]:
    """Return what was filled in; a check that has no name yet can be tried too."""
    filled_in: dict[str, str] = request.POST.dict()
    filled_in["name"] = filled_in.get("name", "").strip() or "This check"
    if not filled_in.get("application") and request.POST.get("own_application"):
        filled_in["application"] = request.POST["own_application"]
    return filled_in


def _look(draft: CheckDraft) -> dict[str, object]:
    if draft.kind == CheckKind.HEARTBEAT:
        times = (
            list_cron_times(draft.schedule, draft.time_zone, after=timezone.now(), count=5) if draft.schedule else []
        )
        return {"is_heartbeat": True, "times": times, "zone": find_zone(draft.time_zone)}
    target = draft.target(allow_private=is_private_allowed())
    limited = replace(target, timeout_seconds=min(target.timeout_seconds, MAX_SECONDS))
    return {"finding": look(limited), "target": target.address}
