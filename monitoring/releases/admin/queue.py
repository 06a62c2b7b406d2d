"""The list of releases, the newest on top: how each does, and whether it is worse than the one before."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from config.admin.base import ReadOnlyAdmin
from config.templatetags.look import ago, chip, short, sparkline
from monitoring.applications.current import find_current_application
from monitoring.applications.views import find_base_url
from monitoring.releases.admin.cases import show_release
from monitoring.releases.models import Release
from monitoring.releases.selectors import count_errors_by_hour, describe_releases, list_used_environments
from monitoring.releases.statistics import Interval
from monitoring.releases.wording import write_share


class EnvironmentFilter(admin.SimpleListFilter):
    """Where a release ran or was deployed."""

    title = "environment"
    parameter_name = "environment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose."""
        return [(name, name) for name in list_used_environments()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Release]) -> QuerySet[Release]:
        """The releases that were there."""
        if not self.value():
            return queryset
        chosen = Q(hours__environment=self.value()) | Q(deployments__environment=self.value())
        return queryset.filter(pk__in=Release.objects.filter(chosen).values("pk"))


class VerdictFilter(admin.SimpleListFilter):
    """Whether a release was found to be worse than the one before."""

    title = "comparison"
    parameter_name = "verdict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose."""
        return [("worse", "Worse than the one before"), ("good", "As good as the one before")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Release]) -> QuerySet[Release]:
        """The releases that were, or were not."""
        worse = Q(pk__in=Release.objects.filter(comparisons__is_regressed=True).values("pk"))
        if self.value() == "worse":
            return queryset.filter(worse)
        if self.value() == "good":
            return queryset.filter(comparisons__isnull=False).exclude(worse).distinct()
        return queryset


class ReleaseChangeList(ChangeList):
    """The list with what each row shows besides itself, read for the whole page at once."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, then its figures."""
        super().get_results(request)
        releases = list(self.result_list)
        now = timezone.now()
        rows = describe_releases(releases, now=now)
        errors = {
            application_id: count_errors_by_hour(
                application_id=application_id,
                versions=[release.version for release in releases if release.application_id == application_id],
                now=now,
            )
            for application_id in sorted({release.application_id for release in releases})
        }
        for release in releases:
            release.row = rows[release.pk]
            release.errors = errors[release.application_id].get(release.version, [])
        self.result_list = releases


@admin.register(Release)
class ReleaseAdmin(ReadOnlyAdmin):
    """Releases. The page of one is a case: see cases.py."""

    list_display = [
        "show_version",
        "show_seen",
        "show_adoption",
        "show_sessions",
        "show_users",
        "show_issues",
        "show_verdict",
    ]
    list_display_links = None
    list_filter = [EnvironmentFilter, VerdictFilter, "application"]
    list_select_related = ["application"]
    search_fields = ["version"]
    search_help_text = "Version"
    sortable_by = ()
    ordering = ["-first_seen", "-pk"]
    change_list_template = "monitoring/releases/list.html"
    empty_title = "No release is known yet"
    empty_text = "Releases appear when an SDK names one in `release`, or when a deployment is announced: see above."

    class Media:
        css = {"all": ["monitoring/releases.css"]}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that reads the figures along."""
        return ReleaseChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Add how releases become known, opened while there is none."""
        context = {
            "title": "Releases",
            "is_new": not Release.objects.exists(),
            "base_url": find_base_url(request),
            "current": find_current_application(request),
        }
        response: HttpResponse = super().changelist_view(request, {**context, **(extra_context or {})})
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show the case."""
        return show_release(request, object_id)

    @admin.display(description="Release")
    def show_version(self, release: Any) -> SafeString:
        """Version, application and where it runs."""
        places = format_html_join(", ", "{}", ((name,) for name in release.row.environments))
        return format_html(
            '<div class="pl-release-cell"><a class="pl-strong" href="{}">{}</a><br><span class="pl-quiet">{}{}{}</span></div>',
            release.get_absolute_url(),
            release.version,
            release.application,
            " · " if places else "",
            places,
        )

    @admin.display(description="Seen")
    def show_seen(self, release: Any) -> SafeString:
        """When something of it arrived first, and when it was deployed last."""
        deployed = release.row.deployed_at
        note = format_html('<br><span class="pl-quiet pl-nowrap">deployed {}</span>', ago(deployed)) if deployed else ""
        return format_html('<div><span class="pl-nowrap">{}</span>{}</div>', ago(release.first_seen), note)

    @admin.display(description="Adoption")
    def show_adoption(self, release: Any) -> SafeString:
        """Its share of the application's sessions in the last day."""
        ratio = release.row.adoption
        return format_html(
            '<span class="pl-nowrap" title="{}">{}</span>',
            "of the application’s sessions in the last 24 hours",
            "–" if ratio is None else write_share(ratio),
        )

    @admin.display(description="Crash-free sessions")
    def show_sessions(self, release: Any) -> SafeString:
        """Share of sessions that did not crash in the last day, with its bounds and of how many."""
        return write_interval(release.row.health.crash_free_sessions)

    @admin.display(description="Crash-free users")
    def show_users(self, release: Any) -> SafeString:
        """Share of people whose sessions did not crash in the last day."""
        return write_interval(release.row.health.crash_free_users)

    @admin.display(description="New errors")
    def show_issues(self, release: Any) -> SafeString:
        """How many errors happened first in it, and how many events an hour it has."""
        line = sparkline(release.errors, label="Errors per hour in the last day", width=72)
        return format_html('<span class="pl-nowrap">{} {}</span>', short(release.row.new_issues), line)

    @admin.display(description="Compared")
    def show_verdict(self, release: Any) -> SafeString:
        """What the comparison with the release before says."""
        reasons = ", ".join(str(reason.label) for reason in release.row.reasons)
        return chip(release.row.verdict.tone, release.row.verdict.label, title=reasons)


def write_interval(found: Interval | None) -> SafeString:
    """Return a share with the bounds of its 95 % interval and how many it is of."""
    if found is None:
        return format_html('<span class="pl-quiet">{}</span>', "–")
    return format_html(
        '<div><span class="pl-nowrap">{}</span><br><span class="pl-quiet pl-nowrap" title="{}">{} to {}, n {}</span></div>',
        write_share(found.ratio),
        "95 % interval, and how many it is measured on",
        write_share(found.low),
        write_share(found.high),
        short(found.total),
    )
