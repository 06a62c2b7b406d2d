"""What people do with issues: resolve, mute, open again, assign, comment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from config.actors import Actor
from monitoring.errors.enums import IssueState, NoteKind, ResolvedIn
from monitoring.errors.models import ErrorIssue, IssueNote
from monitoring.errors.services.transitions import IllegalTransition, change_state
from monitoring.releases.models import Release

MAX_COMMENT_LENGTH = 10_000
MAX_MUTED_EVENTS = 1_000_000_000


class CommentInvalid(Exception):
    """A comment that can't be kept; the message says why."""


class MuteInvalid(Exception):
    """The end of a silence makes no sense; the message says why."""


class ReleaseUnknown(Exception):
    """The application has no release of this name; the message says what to do."""


class IssueMerged(Exception):
    """The issue was merged into another; that one is to be dealt with."""


def resolve_issue(
    *, issue_id: int, by: Actor, resolved_in: ResolvedIn = ResolvedIn.NOW, release: str | None = None
) -> bool:
    """Note that an issue is mended; return False if it was so already.

    Another event moves it to regressed; with NEXT_RELEASE only one of a release that was not seen before now, with
    RELEASE only one of the release named `release` or of a later one. Raises ReleaseUnknown, IssueMerged,
    ErrorIssue.DoesNotExist.
    """
    now = timezone.now()
    mending = _find_release(issue_id, release) if resolved_in is ResolvedIn.RELEASE else None
    reason = "It counts as mended from the next release on." if resolved_in is ResolvedIn.NEXT_RELEASE else ""
    if mending is not None:
        reason = f"It counts as mended from {mending} on."
    return _move(
        issue_id,
        IssueState.RESOLVED,
        by,
        reason=reason,
        at=now,
        resolved_at=now,
        resolved_in=resolved_in,
        resolved_release_id=mending.pk if mending is not None else None,
    )


def mute_issue(
    *,
    issue_id: int,
    by: Actor,
    until: datetime | None = None,
    for_events: int | None = None,
    for_users: int | None = None,
) -> bool:
    """Stop asking for attention: for good, until a time, until it happened so many times more or to so many people more.

    Of several ends the first counts.

    Returns False if it is muted already. Raises MuteInvalid, IssueMerged, ErrorIssue.DoesNotExist.
    """
    now = timezone.now()
    if until is not None and until <= now:
        raise MuteInvalid("Choose a time that is still to come.")
    if for_events is not None and not 1 <= for_events <= MAX_MUTED_EVENTS:
        raise MuteInvalid("Choose a number of events from 1 on.")
    if for_users is not None and not 1 <= for_users <= MAX_MUTED_EVENTS:
        raise MuteInvalid("Choose a number of people from 1 on.")

    def describe(issue: ErrorIssue) -> dict[str, Any]:
        count = issue.event_count + for_events if for_events is not None else None
        users = issue.user_count + for_users if for_users is not None else None
        return {"muted_until": until, "muted_until_count": count, "muted_until_users": users}

    reason = _describe_mute(until, for_events, for_users)
    return _move(issue_id, IssueState.MUTED, by, reason=reason, at=now, describe=describe)


def reopen_issue(*, issue_id: int, by: Actor) -> bool:
    """Have an issue that was resolved or muted wait for somebody again; return False if it is open.

    Raises IssueMerged, ErrorIssue.DoesNotExist.
    """
    return _move(issue_id, IssueState.ONGOING, by, at=timezone.now(), only_from=(IssueState.RESOLVED, IssueState.MUTED))


@transaction.atomic
def assign_issue(*, issue_id: int, assignee: Any | None, by: Actor) -> bool:
    """Give an issue to a user (None: to nobody); return False if it is theirs already. Raises ErrorIssue.DoesNotExist."""
    issue = _lock(issue_id)
    if issue.assignee_id == (assignee.pk if assignee else None):
        return False
    ErrorIssue.objects.filter(pk=issue_id).update(assignee=assignee)
    note(issue_id, NoteKind.ASSIGNED, by, text=str(assignee.get_username()) if assignee else "nobody")
    return True


@transaction.atomic
def add_comment(*, issue_id: int, text: str, by: Actor) -> IssueNote:
    """Add a comment to an issue; raise CommentInvalid if it is empty or too long."""
    cleaned = text.replace("\x00", "").strip()
    if not cleaned:
        raise CommentInvalid("Write something first.")
    if len(cleaned) > MAX_COMMENT_LENGTH:
        raise CommentInvalid(f"A comment can have {MAX_COMMENT_LENGTH} characters at most.")
    return note(issue_id, NoteKind.COMMENT, by, text=cleaned)


def note(issue_id: int, kind: NoteKind, by: Actor, *, text: str = "") -> IssueNote:
    """Write down what somebody did with an issue, in the caller's transaction."""
    return IssueNote.objects.create(
        issue_id=issue_id, kind=kind, author_id=by.user_id, author_name=by.name[:150], text=text
    )


@transaction.atomic
def _move(
    issue_id: int,
    to: IssueState,
    by: Actor,
    *,
    at: datetime,
    reason: str = "",
    only_from: tuple[IssueState, ...] = (),
    describe: Callable[[ErrorIssue], dict[str, Any]] | None = None,
    **details: Any,
) -> bool:
    issue = _lock(issue_id)
    if issue.state == IssueState.MERGED:
        raise IssueMerged("This issue was merged into another.")
    if issue.state == to or (only_from and issue.state not in only_from):
        return False
    more = describe(issue) if describe is not None else {}
    try:
        return bool(change_state(issue=issue, to=to, at=at, by_name=by.name, reason=reason, **details, **more))
    except IllegalTransition:
        return False


def _lock(issue_id: int) -> ErrorIssue:
    return ErrorIssue.objects.select_for_update().get(pk=issue_id)


def _find_release(issue_id: int, version: str | None) -> Release:
    application_id = ErrorIssue.objects.values_list("application_id", flat=True).get(pk=issue_id)
    release = Release.objects.filter(application_id=application_id, version=version or "").first()
    if release is None:
        raise ReleaseUnknown("Nothing of this release has arrived yet. Resolve it with the next release instead.")
    return release


def _describe_mute(until: datetime | None, for_events: int | None, for_users: int | None) -> str:
    ends = [f"until {timezone.localtime(until):%-d %b %Y %H:%M %Z}"] if until is not None else []
    ends += [f"until it happened {for_events} times more"] if for_events is not None else []
    ends += [f"until it happened to {for_users} people more"] if for_users is not None else []
    return ", or ".join(ends)
