"""The queue of errors: what happened last on top, what waits for somebody unless asked otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from config.actors import Actor, actor_of_user
from config.admin.base import ReadOnlyAdmin
from config.templatetags.look import ago, chip, short, sparkline
from monitoring.errors.admin.issues import show_issue
from monitoring.errors.enums import OPEN_STATES, IssueState, Level
from monitoring.errors.models import ErrorIssue
from monitoring.errors.querysets import ErrorIssueQuerySet
from monitoring.errors.search import parse_search
from monitoring.errors.selectors import count_by_hour
from monitoring.errors.services.issues import mute_issue, reopen_issue, resolve_issue
from monitoring.errors.services.merging import MergeInvalid, merge_issues

MUTED_FOR = timedelta(days=7)


class StateFilter(admin.SimpleListFilter):
    """Open issues, unless another state is asked for."""

    title = "state"
    parameter_name = "status"
    default = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose."""
        states = (IssueState.NEW, IssueState.REGRESSED, IssueState.ONGOING, IssueState.RESOLVED, IssueState.MUTED)
        return [("open", "Open"), *((state.value, str(state.label)) for state in states), ("all", "All")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """The choices; there is no “All” of the framework's, because nothing chosen means open."""
        chosen = self.value() or self.default
        for value, words in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": chosen == str(value), "query_string": query, "display": words}

    def queryset(self, request: HttpRequest, queryset: QuerySet[ErrorIssue]) -> QuerySet[ErrorIssue]:
        """The issues in that state."""
        chosen = self.value() or self.default
        if chosen == "open":
            return queryset.filter(state__in=OPEN_STATES)
        return queryset.filter(state=chosen) if chosen in IssueState.values else queryset


class WhoseFilter(admin.SimpleListFilter):
    """Whose an issue is."""

    title = "assigned to"
    parameter_name = "assigned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose."""
        return [("me", "Me"), ("nobody", "Nobody")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ErrorIssue]) -> QuerySet[ErrorIssue]:
        """The issues of that person."""
        if self.value() == "me":
            return queryset.filter(assignee_id=request.user.pk)
        return queryset.filter(assignee=None) if self.value() == "nobody" else queryset


class CriticalFilter(admin.SimpleListFilter):
    """Whether an issue met a critical pattern."""

    title = "critical"
    parameter_name = "critical"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose."""
        return [("yes", "Critical"), ("no", "Not critical")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ErrorIssue]) -> QuerySet[ErrorIssue]:
        """The issues that were, or were not."""
        chosen = {"yes": False, "no": True}.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(critical_at__isnull=chosen)


class IssueChangeList(ChangeList):
    """The list with each issue's events per hour, read for the whole page at once."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, then its hours."""
        super().get_results(request)
        issues = list(self.result_list)
        hours = count_by_hour(issue_ids=[issue.pk for issue in issues], now=timezone.now())
        for issue in issues:
            issue.hours = hours[issue.pk]
        self.result_list = issues


@admin.register(ErrorIssue)
class ErrorIssueAdmin(ReadOnlyAdmin):
    """Issues. The page of one is a case: see issues.py."""

    list_display = [
        "show_state",
        "show_title",
        "show_count",
        "show_users",
        "show_seen",
        "show_release",
        "show_assignee",
    ]
    list_display_links = None
    list_filter = [StateFilter, CriticalFilter, "level", WhoseFilter, "application"]
    list_select_related = ["application", "last_release", "assignee"]
    search_fields = ["title", "culprit", "type"]
    search_help_text = "Message, type, place, or company:main, release:2.1, environment:prod, user:ada@example.org"
    actions = ["resolve_selected", "mute_selected", "reopen_selected", "merge_selected"]
    sortable_by = ("show_count", "show_users", "show_seen")
    empty_title = "No open errors"
    empty_text = (
        "Point a Sentry SDK at this site: the application's connect page has its DSN. What breaks shows up here."
    )
    empty_url = "admin:monitoring_application_changelist"
    empty_action = "Applications and keys"

    class Media:
        css = {"all": ["monitoring/errors.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[ErrorIssue]:
        """Issues, the ones merged into others left out."""
        return ErrorIssue.objects.unmerged()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ErrorIssue], search_term: str
    ) -> tuple[QuerySet[ErrorIssue], bool]:
        """The issues that a search finds, see monitoring/errors/search.py."""
        search = parse_search(search_term)
        found = (
            ErrorIssue.objects.filter(pk__in=queryset.values("pk"))
            if not isinstance(queryset, ErrorIssueQuerySet)
            else queryset
        )
        return found.having(search).saying(search.words), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that reads the hours along."""
        return IssueChangeList

    def has_respond_permission(self, request: HttpRequest) -> bool:
        """Whether the reader may act on issues."""
        return bool(request.user.has_perm("monitoring.change_errorissue"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show the case."""
        return show_issue(request, object_id)

    @admin.display(description="State")
    def show_state(self, issue: ErrorIssue) -> SafeString:
        """Where it stands."""
        state = IssueState(issue.state)
        return chip(state.tone, state.label)

    @admin.display(description="What", ordering="title")
    def show_title(self, issue: ErrorIssue) -> SafeString:
        """What went wrong and where; how bad, where it is no plain error."""
        return format_html(
            '<div class="pl-issue-cell"><a class="pl-strong pl-issue-title" href="{}">{}</a><br><span class="pl-quiet">{}{}{}</span></div>',
            issue.get_absolute_url(),
            issue.title,
            _show_marks(issue),
            f"{issue.culprit} · " if issue.culprit else "",
            issue.application,
        )

    @admin.display(description="Events", ordering="event_count")
    def show_count(self, issue: Any) -> SafeString:
        """How often, and how the last day went."""
        line = sparkline(issue.hours, label="Events per hour in the last day", width=72)
        return format_html('<span class="pl-nowrap">{} {}</span>', short(issue.event_count), line)

    @admin.display(description="Users", ordering="user_count")
    def show_users(self, issue: ErrorIssue) -> SafeString:
        """How many people."""
        return short(issue.user_count)

    @admin.display(description="Seen", ordering="last_seen")
    def show_seen(self, issue: ErrorIssue) -> SafeString:
        """When last, and since when."""
        return format_html(
            '<div><span class="pl-nowrap">{}</span><br><span class="pl-quiet pl-nowrap">since {}</span></div>',
            ago(issue.last_seen),
            ago(issue.first_seen),
        )

    @admin.display(description="Release")
    def show_release(self, issue: ErrorIssue) -> str:
        """The newest release it happened in."""
        return str(issue.last_release) if issue.last_release else "–"

    @admin.display(description="Who")
    def show_assignee(self, issue: ErrorIssue) -> str:
        """Whose it is."""
        return str(issue.assignee) if issue.assignee else "–"

    @admin.action(description="Resolve", permissions=["respond"])
    def resolve_selected(self, request: HttpRequest, queryset: QuerySet[ErrorIssue]) -> None:
        """Note that the selected issues are mended."""
        self._act(request, queryset, resolve_issue, "resolved")

    @admin.action(description="Mute for a week", permissions=["respond"])
    def mute_selected(self, request: HttpRequest, queryset: QuerySet[ErrorIssue]) -> None:
        """Stop the selected issues from asking for attention for a week."""
        until = timezone.now() + MUTED_FOR

        def mute(*, issue_id: int, by: Actor) -> bool:
            return mute_issue(issue_id=issue_id, by=by, until=until)

        self._act(request, queryset, mute, "muted for a week")

    @admin.action(description="Open again", permissions=["respond"])
    def reopen_selected(self, request: HttpRequest, queryset: QuerySet[ErrorIssue]) -> None:
        """Have the selected issues wait for somebody again."""
        self._act(request, queryset, reopen_issue, "open again")

    @admin.action(description="Merge into the oldest", permissions=["respond"])
    def merge_selected(self, request: HttpRequest, queryset: QuerySet[ErrorIssue]) -> None:
        """Make one issue of the selected ones."""
        ids = list(queryset.order_by("first_seen", "pk").values_list("pk", flat=True))
        try:
            merged = merge_issues(into_id=ids[0], issue_ids=ids[1:], by=actor_of_user(request.user))
        except MergeInvalid as error:
            messages.error(request, str(error))
            return
        what = "1 issue is" if merged == 1 else f"{merged} issues are"
        messages.success(request, f"{what} merged into the oldest; its page can take them apart again.")

    def _act(self, request: HttpRequest, queryset: QuerySet[ErrorIssue], act: Callable[..., bool], done: str) -> None:
        by = actor_of_user(request.user)
        changed = sum(act(issue_id=pk, by=by) for pk in queryset.order_by("pk").values_list("pk", flat=True))
        words = f"1 issue is {done}." if changed == 1 else f"{changed} issues are {done}."
        messages.success(request, words if changed else "That was so already.")


def _show_marks(issue: ErrorIssue) -> SafeString:
    level = Level(issue.level)
    marks = [chip("bad", "Critical")] if issue.critical_at else []
    marks += [] if level is Level.ERROR else [chip(level.tone, level.label)]
    return format_html_join("", "{} ", ((mark,) for mark in marks))
