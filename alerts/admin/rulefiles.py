"""Rule files in the admin: the page that shows what an import would do and then does it, and the download."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods
from unfold.admin import ModelAdmin

from alerts.admin.imports import ImportForm
from alerts.models import Rule
from alerts.rulefiles import MAX_BYTES, FileError, RuleFileInvalid, decode_rule_file
from alerts.services.rulefiles import Imported, export_rule_file, import_rule_file, preview_rule_file
from config.actors import actor_of_user
from config.admin.pages import admin_page
from monitoring.applications.selectors import list_applications

VIEW, ADD, CHANGE = "alerts.view_rule", "alerts.add_rule", "alerts.change_rule"
SHOWN_LINE = 120
MEDIA_TYPE = "application/yaml; charset=utf-8"


@admin_page("alerts/rule/import/", name="alerts_rule_import", permission=ADD)
@require_http_methods(["GET", "POST"])
def import_rules(request: HttpRequest) -> HttpResponseBase:
    """Show the form; show what the file would do (or all that is wrong with it); with `confirm` in the body, do it."""
    if not request.user.has_perm(CHANGE):
        raise PermissionDenied
    context: dict[str, Any] = {"replace": True, "applications": list_applications(), "text": ""}
    if request.method == "POST":
        form = ImportForm(request.POST, request.FILES)
        context["text"] = request.POST.get("text", "")
        try:
            if not form.is_valid():
                raise RuleFileInvalid([FileError(1, name, str(errors[0])) for name, errors in form.errors.items()])
            text = decode_rule_file(form.read_content(most=MAX_BYTES))
            chosen = {"text": text, **form.read_choices()}
            context |= chosen
            if "confirm" in request.POST:
                imported = import_rule_file(**chosen, by=actor_of_user(request.user))
                messages.success(request, _describe(imported))
                return redirect("admin:alerts_rule_changelist")
            context["preview"] = preview_rule_file(**chosen)
        except RuleFileInvalid as error:
            context["errors"] = _quote(error.errors, context["text"])
    page = {**admin.site.each_context(request), "title": "Import rules", **context}
    return render(request, "alerts/rule_import.html", page)


@admin_page("alerts/rule/export/", name="alerts_rule_export", permission=VIEW)
@require_GET
def export_rules(request: HttpRequest) -> HttpResponseBase:
    """Download the rules that the list shows with the same filters, of all its pages."""
    listed: ModelAdmin = admin.site.get_model_admin(Rule)
    try:
        rules = listed.get_changelist_instance(request).get_queryset(request)
    except IncorrectLookupParameters:
        return redirect("admin:alerts_rule_changelist")
    response = HttpResponse(export_rule_file(rules), content_type=MEDIA_TYPE)
    response["Content-Disposition"] = 'attachment; filename="rules.yml"'
    return response


def _quote(errors: list[FileError], text: str) -> list[tuple[FileError, str]]:
    """Return each error with the line it is about."""
    lines = text.split("\n")
    return [(error, lines[error.line - 1].strip()[:SHOWN_LINE] if error.line <= len(lines) else "") for error in errors]


def _describe(imported: Imported) -> str:
    parts = {"created": imported.created, "changed": imported.changed, "unchanged": imported.unchanged}
    counts = ", ".join(f"{len(rules)} {word}" for word, rules in parts.items())
    left = f" {len(imported.warnings)} warnings." if imported.warnings else ""
    return f"The rule file is imported: {counts}.{left}"
