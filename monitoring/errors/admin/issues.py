"""The page of one issue: what went wrong, where, to whom, what people do about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from config.actors import Actor, actor_of_user
from config.admin.pages import admin_page
from config.ids import read_id
from config.related import find_related
from monitoring.applications.links import find_person_url, find_release_url, find_trace_url
from monitoring.applications.views import find_base_url
from monitoring.attachments.selectors import list_attachments
from monitoring.errors.courses import DEFAULT, STRETCHES, draw_course
from monitoring.errors.display import show_crumbs, show_exceptions, show_facts, write_raw, write_stack
from monitoring.errors.enums import IssueState, Level, ResolvedIn
from monitoring.errors.events import ErrorData, find_unresolved, read_event
from monitoring.errors.models import ErrorEvent, ErrorIssue
from monitoring.errors.selectors import (
    count_by_hour,
    count_tags,
    find_ends,
    find_event,
    find_neighbours,
    list_people,
    read_document,
)
from monitoring.errors.services.issues import (
    CommentInvalid,
    IssueMerged,
    MuteInvalid,
    ReleaseUnknown,
    add_comment,
    assign_issue,
    mute_issue,
    reopen_issue,
    resolve_issue,
)
from monitoring.errors.services.merging import unmerge_issue
from monitoring.errors.timeline import Entry, tell_story
from monitoring.releases.models import Release
from monitoring.sourcemaps.commands import write_upload_command
from monitoring.sourcemaps.frames import REASONS
from monitoring.sourcemaps.resolving import resolve_document
from monitoring.user_reports.selectors import list_reports_of_groups

VIEW, CHANGE = "monitoring.view_errorissue", "monitoring.change_errorissue"
ADDRESS = "monitoring/errorissue/<int:pk>"
RELEASES_MARKED = 20
#: What the mute form offers: hours, and numbers of events.
MUTE_HOURS = {"1": 1, "24": 24, "168": 168, "720": 720}
MUTE_EVENTS = {"10": 10, "100": 100, "1000": 1000}
MUTE_USERS = {"1": 1, "10": 10, "100": 100}
RELEASES_OFFERED = 10


def show_issue(request: HttpRequest, object_id: str) -> HttpResponseBase:
    """Show the page of an issue; raise Http404 or PermissionDenied."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    issue = _find(object_id)
    return render(
        request, "monitoring/errors/issue.html", {**admin.site.each_context(request), **describe_issue(request, issue)}
    )


def describe_issue(request: HttpRequest, issue: ErrorIssue) -> dict[str, Any]:
    """Return the context of an issue's page."""
    groups = list(issue.groups.order_by("pk"))
    ids = [group.pk for group in groups]
    chosen = request.GET.get("event", "")
    event = find_event(group_ids=ids, pk=read_id(chosen) or None)
    now = timezone.now()
    return {
        "title": issue.title,
        "opts": ErrorIssue._meta,
        "issue": issue,
        "state": IssueState(issue.state),
        "level": Level(issue.level),
        "groups": groups,
        **_describe_course(request, issue, now=now),
        "met": list_people(group_ids=ids),
        "tags": count_tags(group_ids=ids),
        "story": _tell(issue),
        "releases": list(Release.objects.filter(application_id=issue.application_id)[:RELEASES_OFFERED]),
        "reports": list_reports_of_groups(ids) if request.user.has_perm("monitoring.view_userreport") else [],
        "merged": list(issue.merged.order_by("pk")),
        "assignees": list(_list_assignees()),
        "can_change": request.user.has_perm(CHANGE),
        "related": find_related(request, "error_issue", application_id=issue.application_id, pk=issue.pk),
        "is_fullwidth": "1",
        **(describe_event(request, issue, event, ids) if event is not None else {"event": None}),
    }


def describe_event(request: HttpRequest, issue: ErrorIssue, event: ErrorEvent, group_ids: list[int]) -> dict[str, Any]:
    """Return what the page shows of one event. Source maps that were uploaded later explain it here, on the page only."""
    document = read_document(event)
    resolve_document(document, application_id=event.application_id, is_stored=True)
    data = read_event(document, received_at=event.received_at)
    before, after = find_neighbours(group_ids=group_ids, pk=event.pk)
    first, newest = find_ends(group_ids=group_ids)
    return {
        "event": event,
        "data": data,
        "exceptions": show_exceptions(data),
        "crumbs": show_crumbs(document),
        "facts": show_facts(document, data),
        "raw": write_raw(document),
        "around": list_around(event, issue),
        "stack_text": write_stack(data),
        "attachments": (
            list_attachments(application_id=event.application_id, event_id=event.event_id)
            if request.user.has_perm("monitoring.view_attachment")
            else []
        ),
        "unresolved": _describe_unresolved(request, issue, data),
        "steps": [  # (word, event, relation)
            ("First", first if before is not None else None, "first"),
            ("Older", before, "prev"),
            ("Newer", after, "next"),
            ("Newest", newest if after is not None else None, "last"),
        ],
    }


def list_around(event: ErrorEvent, issue: ErrorIssue) -> list[tuple[str, str, str]]:
    """Return where the event leads: (what, its name, address), as far as there are pages."""
    found = [
        ("Trace", event.trace_id[:16], find_trace_url(event.trace_id, application_id=event.application_id)),
        ("Release", event.release, _find_release_url(event)),
    ]
    if event.user_key is not None:
        url = find_person_url(event.user_key, application_id=event.application_id)
        found.append(("Person", bytes(event.user_key).hex()[:8], url))
    return [each for each in found if each[2]]


def _find_release_url(event: ErrorEvent) -> str:
    if not event.release:
        return ""
    known = Release.objects.filter(application_id=event.application_id, version=event.release).first()
    return find_release_url(known.pk if known is not None else None)


def _describe_unresolved(request: HttpRequest, issue: ErrorIssue, data: ErrorData) -> dict[str, str] | None:
    """Return why frames are not explained by a source map, and what to run; None where nothing is missing."""
    frame = find_unresolved(data)
    if frame is None:
        return None
    command = write_upload_command(base_url=find_base_url(request), slug=issue.application.slug, release=data.release)
    return {"file": frame.place, "reason": REASONS.get(frame.unresolved, ""), "command": command}


@admin_page(f"{ADDRESS}/story/", name="monitoring_errorissue_story", permission=VIEW)
def story(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Return the history, renewed."""
    return render(request, "monitoring/errors/story.html", {"story": _tell(_find(pk))})


@admin_page(f"{ADDRESS}/resolve/", name="monitoring_errorissue_resolve", permission=CHANGE)
@require_POST
def resolve(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Note that it is mended, now, with the next release or with one that is known (`release:<version>`)."""
    chosen, _, release = request.POST.get("in", ResolvedIn.NOW).partition(":")
    resolved_in = ResolvedIn(chosen) if chosen in ResolvedIn.values else ResolvedIn.NOW

    def act(*, issue_id: int, by: Actor) -> bool:
        return resolve_issue(issue_id=issue_id, by=by, resolved_in=resolved_in, release=release)

    yes = "Resolved. If it happens again, it comes back as regressed."
    if resolved_in is ResolvedIn.NEXT_RELEASE:
        yes = "Resolved. If it happens in a release that comes after the ones known now, it comes back as regressed."
    if resolved_in is ResolvedIn.RELEASE:
        yes = f"Resolved. If it happens in {release} or a later release, it comes back as regressed."
    return _act(request, pk, act, yes=yes, no="It was resolved already.")


@admin_page(f"{ADDRESS}/mute/", name="monitoring_errorissue_mute", permission=CHANGE)
@require_POST
def mute(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Stop it from asking for attention: for good, for a time, or for a number of events or people."""
    chosen = request.POST.get("until", "")
    kind, _, amount = chosen.partition(":")
    hours = MUTE_HOURS.get(amount) if kind == "hours" else None
    events = MUTE_EVENTS.get(amount) if kind == "events" else None
    users = MUTE_USERS.get(amount) if kind == "users" else None
    until = timezone.now() + timedelta(hours=hours) if hours is not None else None

    def act(*, issue_id: int, by: Actor) -> bool:
        return mute_issue(issue_id=issue_id, by=by, until=until, for_events=events, for_users=users)

    return _act(request, pk, act, yes="Muted. It is still counted.", no="It was muted already.")


@admin_page(f"{ADDRESS}/reopen/", name="monitoring_errorissue_reopen", permission=CHANGE)
@require_POST
def reopen(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Have it wait for somebody again."""
    return _act(request, pk, reopen_issue, yes="It waits for somebody again.", no="It was open already.")


@admin_page(f"{ADDRESS}/unmerge/", name="monitoring_errorissue_unmerge", permission=CHANGE)
@require_POST
def unmerge(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take it out of the issue it was merged into."""
    return _act(
        request, pk, unmerge_issue, yes="Taken apart: this is an issue of its own again.", no="It was not merged."
    )


@admin_page(f"{ADDRESS}/assign/", name="monitoring_errorissue_assign", permission=CHANGE)
@require_POST
def assign(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Give it to someone."""
    chosen = request.POST.get("assignee", "")
    person = _list_assignees().filter(pk=read_id(chosen)).first()
    if chosen and person is None:
        messages.error(request, "This person can't be given errors (any more).")
        return redirect("admin:monitoring_errorissue_change", pk)

    def act(*, issue_id: int, by: Actor) -> bool:
        return assign_issue(issue_id=issue_id, assignee=person, by=by)

    return _act(request, pk, act, yes=f"It is {person or 'nobody'}’s now.", no="That was so already.")


@admin_page(f"{ADDRESS}/comment/", name="monitoring_errorissue_comment", permission=CHANGE)
@require_POST
def comment(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Add a comment."""
    _find(pk)
    try:
        add_comment(issue_id=pk, text=request.POST.get("text", ""), by=actor_of_user(request.user))
    except CommentInvalid as error:
        messages.error(request, str(error))
    return redirect("admin:monitoring_errorissue_change", pk)


def _act(request: HttpRequest, pk: int, act: Callable[..., bool], *, yes: str, no: str) -> HttpResponseBase:
    """Do something with an issue, say what came of it, and go back to its page."""
    _find(pk)
    try:
        changed = act(issue_id=pk, by=actor_of_user(request.user))
    except (IssueMerged, MuteInvalid, ReleaseUnknown) as error:
        messages.error(request, str(error))
    else:
        (messages.success if changed else messages.info)(request, yes if changed else no)
    return redirect("admin:monitoring_errorissue_change", pk)


def _find(pk: int | str) -> ErrorIssue:
    issues = ErrorIssue.objects.select_related(
        "application",
        "assignee",
        "first_release",
        "last_release",
        "resolved_release",
        "merged_into",
        "critical_pattern",
    )
    issue = issues.filter(pk=read_id(pk)).first()
    if issue is None:
        raise Http404("There is no such error.")
    return issue


def _tell(issue: ErrorIssue) -> list[Entry]:
    return tell_story(issue.transitions.all(), issue.notes.all())


def _describe_course(request: HttpRequest, issue: ErrorIssue, *, now: datetime) -> dict[str, Any]:
    """Return how often it happened in the chosen stretch of time, and the other stretches."""
    chosen = request.GET.get("range", DEFAULT)
    chosen = chosen if chosen in STRETCHES else DEFAULT
    stretch = STRETCHES[chosen]
    releases = Release.objects.filter(
        application_id=issue.application_id, first_seen__gte=now - timedelta(hours=stretch.hours)
    )
    marks = list(releases.order_by("-first_seen").values_list("first_seen", "version")[:RELEASES_MARKED])
    hours = count_by_hour(issue_ids=[issue.pk], now=now, hours=stretch.hours)[issue.pk]
    kept = {name: value for name, value in request.GET.items() if name != "range"}
    return {
        "course": draw_course(hours, stretch, now=now, releases=marks),
        "course_words": stretch.words,
        "ranges": [(urlencode({**kept, "range": key}), one.words, key == chosen) for key, one in STRETCHES.items()],
    }


def _list_assignees() -> QuerySet[Any]:
    """Return who can be given issues."""
    return get_user_model().objects.filter(is_active=True, is_staff=True).order_by("username")
