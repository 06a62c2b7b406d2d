"""What people said: the list, and the page of one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.admin.base import ReadOnlyAdmin
from config.ids import read_id
from config.related import find_related
from config.templatetags.look import ago, chip
from monitoring.applications.links import find_person_url, find_trace_url
from monitoring.errors.enums import IssueState
from monitoring.user_reports.models import UserReport
from monitoring.user_reports.selectors import attach_issues

SHORT = 240
VIEW_ERRORS = "monitoring.view_errorissue"


class AboutFilter(admin.SimpleListFilter):
    """Whether it is about an error that is known."""

    title = "about an error"
    parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose."""
        return [("error", "An error"), ("other", "Something else")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[UserReport]) -> QuerySet[UserReport]:
        """The reports about one, or the others."""
        chosen = {"error": False, "other": True}.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(group_id__isnull=chosen)


class UserReportChangeList(ChangeList):
    """The list with the issues that reports are about, read for the whole page at once."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, then its issues."""
        super().get_results(request)
        reports = list(self.result_list)
        attach_issues(reports)
        self.result_list = reports


@admin.register(UserReport)
class UserReportAdmin(ReadOnlyAdmin):
    """What people said, the newest on top."""

    list_display = ["show_message", "show_who", "show_issue", "application", "show_release", "show_received"]
    list_display_links = None
    list_filter = [AboutFilter, "environment", "application"]
    list_select_related = ["application"]
    search_fields = ["message", "name", "email", "url"]
    search_help_text = "What was said, name, e-mail or page"
    sortable_by = ()
    empty_title = "Nobody has said anything yet"
    empty_text = "A Sentry SDK's feedback widget or crash dialog sends what people say here: turn it on in your front end. The application's connect page has the DSN."
    empty_url = "admin:monitoring_application_changelist"
    empty_action = "Applications and keys"

    class Media:
        css = {"all": ["monitoring/errors.css"]}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that reads the issues along."""
        return UserReportChangeList

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """The columns; errors are for those who may see errors."""
        can_see_errors = request.user.has_perm(VIEW_ERRORS)
        return [name for name in self.list_display if can_see_errors or name != "show_issue"]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show what one person said; raise Http404 or PermissionDenied."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        report = _find(object_id)
        can_see_errors = request.user.has_perm(VIEW_ERRORS)
        issue = report.issue if can_see_errors else None
        context = {
            **admin.site.each_context(request),
            "title": f"{report.who} said",
            "opts": UserReport._meta,
            "report": report,
            "issue": issue,
            "can_see_errors": can_see_errors,
            "issue_state": IssueState(issue.state) if issue is not None else None,
            "trace_url": find_trace_url(report.trace_id, application_id=report.application_id),
            "person_url": find_person_url(report.user_key, application_id=report.application_id)
            if can_see_errors
            else "",
            "related": find_related(request, "user_report", application_id=report.application_id, pk=report.pk),
            "is_fullwidth": "1",
        }
        return render(request, "monitoring/user_reports/case.html", context)

    @admin.display(description="What was said")
    def show_message(self, report: UserReport) -> SafeString:
        """The words, and where."""
        text = report.message if len(report.message) <= SHORT else report.message[:SHORT] + "…"
        return format_html(
            '<div class="pl-issue-cell"><a class="pl-strong pl-issue-title" href="{}">{}</a><br><span class="pl-quiet">{}</span></div>',
            report.get_absolute_url(),
            text,
            report.url,
        )

    @admin.display(description="Who")
    def show_who(self, report: UserReport) -> SafeString:
        """Name and address."""
        if report.name and report.email:
            return format_html('{}<br><span class="pl-quiet">{}</span>', report.name, report.email)
        return format_html("{}", report.name or report.email or "–")

    @admin.display(description="About")
    def show_issue(self, report: UserReport) -> SafeString:
        """The error it is about."""
        if report.issue is None:
            return format_html('<span class="pl-quiet">{}</span>', "an error not known" if report.event_id else "–")
        state = IssueState(report.issue.state)
        return format_html(
            '<div class="pl-issue-cell">{} <a class="pl-link" href="{}">{}</a></div>',
            chip(state.tone, state.label),
            report.issue.get_absolute_url(),
            report.issue.title,
        )

    @admin.display(description="Release")
    def show_release(self, report: UserReport) -> str:
        """Where and in which release."""
        return " · ".join(filter(None, (report.release, report.environment))) or "–"

    @admin.display(description="Received")
    def show_received(self, report: UserReport) -> SafeString:
        """When it came."""
        return ago(report.received_at)


def _find(object_id: str) -> UserReport:
    reports = UserReport.objects.select_related("application")
    report = reports.filter(pk=read_id(object_id)).first()
    if report is None:
        raise Http404("There is no such report.")
    attach_issues([report])
    return report
