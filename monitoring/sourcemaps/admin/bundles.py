"""The list of uploads, and above it what errors had none for."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.admin.base import ReadOnlyAdmin
from config.figures import write_value
from config.templatetags.look import ago, short
from monitoring.applications.current import find_current_application
from monitoring.applications.views import find_base_url
from monitoring.sourcemaps.commands import write_upload_command
from monitoring.sourcemaps.frames import REASONS
from monitoring.sourcemaps.models import SourceBundle
from monitoring.sourcemaps.selectors import list_missing, measure_storage
from monitoring.sourcemaps.services.upkeep import delete_bundle


@admin.register(SourceBundle)
class SourceBundleAdmin(ReadOnlyAdmin):
    """Uploads of builds. The page of one is a case: see cases.py."""

    list_display = [
        "show_release",
        "application",
        "show_files",
        "show_size",
        "show_uploaded",
        "show_used",
        "uploaded_by",
    ]
    list_display_links = None
    list_filter = ["application"]
    list_select_related = ["application"]
    search_fields = ["release", "dist"]
    search_help_text = "Release or distribution"
    sortable_by = ()
    actions = ["remove_selected"]
    change_list_template = "monitoring/sourcemaps/list.html"
    empty_title = "No source map was uploaded yet"
    empty_text = "With the source maps of your front end, errors show the code that you wrote instead of minified scripts. Run the command above after each build."

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Add what is missing, and the command for it; with nothing missing, that of the application the reader has chosen."""
        missing = list_missing()
        application = missing[0].application if missing else find_current_application(request)
        context: dict[str, Any] = {"title": "Source maps"}
        if application is not None:
            context |= {
                "current": application,
                "missing": [(one, REASONS.get(one.reason, "")) for one in missing],
                "stored": measure_storage(application.pk),
                "command": write_upload_command(
                    base_url=find_base_url(request),
                    slug=application.slug,
                    release=next((one.release for one in missing), ""),
                ),
            }
        response: HttpResponse = super().changelist_view(request, {**context, **(extra_context or {})})
        return response

    @admin.action(description="Remove", permissions=["remove"])
    def remove_selected(self, request: HttpRequest, queryset: QuerySet[SourceBundle]) -> None:
        """Remove uploads; errors that come later show minified frames again."""
        bundles = list(queryset)
        for bundle in bundles:
            delete_bundle(bundle=bundle)
        messages.success(request, f"{len(bundles)} removed. Errors explained by them stay as they are.")

    def has_remove_permission(self, request: HttpRequest) -> bool:
        """Whether the reader may remove uploads; deleting rows by the framework nobody may."""
        return request.user.has_perm("monitoring.delete_sourcebundle")

    @admin.display(description="Release")
    def show_release(self, bundle: SourceBundle) -> SafeString:
        """Release and distribution, leading to the files."""
        return format_html(
            '<a class="pl-strong" href="{}">{}</a>{}',
            bundle.get_absolute_url(),
            bundle.release or "by debug id only",
            format_html(' <span class="pl-quiet">{}</span>', bundle.dist) if bundle.dist else "",
        )

    @admin.display(description="Files")
    def show_files(self, bundle: SourceBundle) -> SafeString:
        """How many scripts and maps."""
        return short(bundle.file_count)

    @admin.display(description="Size")
    def show_size(self, bundle: SourceBundle) -> str:
        """Of all files, inflated."""
        return write_value(bundle.size, "bytes")

    @admin.display(description="Uploaded")
    def show_uploaded(self, bundle: SourceBundle) -> SafeString:
        """When it came."""
        return ago(bundle.uploaded_at)

    @admin.display(description="Last used")
    def show_used(self, bundle: SourceBundle) -> SafeString:
        """When it last explained an error."""
        return ago(bundle.used_at)
