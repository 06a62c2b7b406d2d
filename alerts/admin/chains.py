"""Escalation chains of Grafana OnCall in the admin: the page that shows what an import would do and then does it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_http_methods

from alerts.admin.imports import ImportForm
from alerts.admin.policies import ADD, CHANGE
from alerts.chains import MAX_BYTES, ChainFileInvalid, Remark, decode_chains
from alerts.services.chains import ImportedChains, Outcome, import_chains, preview_chains
from config.admin.pages import admin_page
from monitoring.applications.selectors import list_applications

#: How the preview calls each outcome, and in which colour.
CHIPS = {
    Outcome.CREATED: ("well", "New"),
    Outcome.CHANGED: ("watch", "Changed"),
    Outcome.UNCHANGED: ("quiet", "Unchanged"),
    Outcome.KEPT: ("quiet", "Left as it is"),
    Outcome.REFUSED: ("bad", "Not imported"),
}


@admin_page("alerts/policy/import/", name="alerts_policy_import", permission=ADD)
@require_http_methods(["GET", "POST"])
def import_policies(request: HttpRequest) -> HttpResponseBase:
    """Show the form; show what the document would do (or all that is wrong with it); with `confirm` in the body, do it."""
    if not request.user.has_perm(CHANGE):
        raise PermissionDenied
    commands = render_to_string("alerts/collect_oncall.sh")
    context: dict[str, Any] = {"applications": list_applications(), "text": "", "commands": str(commands)}
    if request.method == "POST":
        form = ImportForm(request.POST, request.FILES)
        context |= {"text": request.POST.get("text", ""), "replace": "replace" in request.POST}
        try:
            if not form.is_valid():
                raise ChainFileInvalid(Remark(name, str(errors[0])) for name, errors in form.errors.items())
            context["application_id"] = getattr(form.cleaned_data["application"], "pk", None)
            content = form.read_content(most=MAX_BYTES)
            chosen = {"document": decode_chains(content), **form.read_choices()}
            context["text"] = content.decode("utf-8-sig")
            if "confirm" in request.POST:
                messages.success(request, _describe(import_chains(**chosen)))
                return redirect("admin:alerts_policy_changelist")
            context |= _show(preview_chains(**chosen))
        except ChainFileInvalid as error:
            context["errors"] = error.errors
    page = {**admin.site.each_context(request), "title": "Import from Grafana OnCall", **context}
    return render(request, "alerts/policy_import.html", page)


def _show(preview: ImportedChains) -> dict[str, Any]:
    """Return what the page says of a preview."""
    return {
        "preview": preview,
        "rows": [(policy, *CHIPS[policy.outcome]) for policy in preview.policies],
        "summary": _count(preview),
        "created": preview.count(Outcome.CREATED),
        "changed": preview.count(Outcome.CHANGED),
        "kept": preview.count(Outcome.KEPT),
    }


def _count(imported: ImportedChains) -> str:
    """Return how many chains come to what: “2 new, 1 unchanged”."""
    counts = [(imported.count(outcome), word.lower()) for outcome, (_, word) in CHIPS.items()]
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def _describe(imported: ImportedChains) -> str:
    return f"The escalation chains are imported: {_count(imported)}. Name the policies in rules or routes to use them."
