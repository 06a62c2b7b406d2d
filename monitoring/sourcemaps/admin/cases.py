"""The page of one upload: its files."""

from __future__ import annotations

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from config.admin.pages import admin_page
from monitoring.sourcemaps.enums import FileKind
from monitoring.sourcemaps.models import SourceBundle
from monitoring.sourcemaps.services.upkeep import delete_bundle

VIEW, DELETE = "monitoring.view_sourcebundle", "monitoring.delete_sourcebundle"
ADDRESS = "monitoring/sourcebundle/<int:pk>"
SHOWN_FILES = 200


@admin_page(f"{ADDRESS}/case/", name="monitoring_sourcebundle_case", permission=VIEW)
def case(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show an upload."""
    bundle = _find(pk)
    search = request.GET.get("q", "")[:200]
    files = bundle.files.select_related("blob").defer("blob__data")
    files = files.filter(url__icontains=search) if search else files
    context = {
        **admin.site.each_context(request),
        "title": f"Source maps of {bundle}",
        "opts": SourceBundle._meta,
        "bundle": bundle,
        "files": [(file, FileKind(file.kind).label) for file in files[:SHOWN_FILES]],
        "shown": SHOWN_FILES,
        "search": search,
        "can_delete": request.user.has_perm(DELETE),
        "is_fullwidth": "1",
    }
    return render(request, "monitoring/sourcemaps/case.html", context)


@admin_page(f"{ADDRESS}/remove/", name="monitoring_sourcebundle_remove", permission=DELETE)
@require_POST
def remove(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Remove an upload."""
    bundle = _find(pk)
    delete_bundle(bundle=bundle)
    messages.success(request, f"The upload of {bundle} is removed. Errors explained by it stay as they are.")
    return redirect("admin:monitoring_sourcebundle_changelist")


def _find(pk: int) -> SourceBundle:
    bundle = SourceBundle.objects.select_related("application").filter(pk=pk).first()
    if bundle is None:
        raise Http404("There is no such upload.")
    return bundle
