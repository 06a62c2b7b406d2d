"""Merging issues that are one problem, and taking them apart again. Events stay where they are: groups move."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from config.actors import Actor
from monitoring.errors.enums import IssueState, NoteKind
from monitoring.errors.models import ErrorGroup, ErrorIssue
from monitoring.errors.services.issues import note
from monitoring.errors.services.locks import lock_applications
from monitoring.errors.services.transitions import change_state

_RECOUNT_SQL = """
UPDATE monitoring_errorissue AS issue SET
    event_count = coalesce((SELECT sum(event_count) FROM monitoring_errorgroup WHERE issue_id = issue.id), 0),
    user_count = (
        SELECT count(DISTINCT person.user_key) FROM monitoring_errorgroup one
        JOIN monitoring_erroruser person ON person.group_id = one.id WHERE one.issue_id = issue.id
    ),
    first_seen = coalesce((SELECT min(first_seen) FROM monitoring_errorgroup WHERE issue_id = issue.id), first_seen),
    last_seen = coalesce((SELECT max(last_seen) FROM monitoring_errorgroup WHERE issue_id = issue.id), last_seen)
WHERE issue.id = ANY(%s)
"""


class MergeInvalid(Exception):
    """These issues can't be merged or taken apart; the message says why."""


@transaction.atomic
def merge_issues(*, into_id: int, issue_ids: Iterable[int], by: Actor) -> int:
    """Merge issues of one application into one of them; return how many went into it. Raises MergeInvalid."""
    wanted = sorted({*issue_ids} - {into_id})
    target = ErrorIssue.objects.filter(pk=into_id).first()
    if target is None or target.state == IssueState.MERGED:
        raise MergeInvalid("The issue to merge into is gone or was merged itself.")
    lock_applications([target.application_id])
    locked = {one.pk: one for one in _lock([into_id, *wanted])}
    target = locked[into_id]
    others = [locked[pk] for pk in wanted if pk in locked]
    if any(one.application_id != target.application_id for one in others):
        raise MergeInvalid("Only issues of one application can be merged.")
    others = [one for one in others if one.state != IssueState.MERGED]
    if not others:
        raise MergeInvalid("Choose at least two issues.")
    now = timezone.now()
    for issue in others:
        _empty(issue, target, by=by, now=now)
    _recount([into_id, *(one.pk for one in others)])
    return len(others)


@transaction.atomic
def unmerge_issue(*, issue_id: int, by: Actor) -> bool:
    """Take an issue out of the one it was merged into; return False if it was not merged.

    It gets back what it had and what has happened to its groups since. Raises ErrorIssue.DoesNotExist.
    """
    application_id = ErrorIssue.objects.values_list("application_id", flat=True).get(pk=issue_id)
    lock_applications([application_id])
    issue = _lock([issue_id])[0]
    if issue.state != IssueState.MERGED:
        return False
    target_id = issue.merged_into_id
    ErrorGroup.objects.filter(home_id=issue_id).update(issue_id=issue_id)
    change_state(issue=issue, to=IssueState.ONGOING, at=timezone.now(), by_name=by.name, reason="Taken apart again.")
    if target_id is not None:
        note(target_id, NoteKind.UNMERGED, by, text=issue.title)
    _recount([issue_id, *([target_id] if target_id is not None else [])])
    return True


def _empty(issue: ErrorIssue, target: ErrorIssue, *, by: Actor, now: datetime) -> None:
    # What was merged into this one before goes along.
    ErrorGroup.objects.filter(issue_id=issue.pk).update(issue_id=target.pk)
    ErrorIssue.objects.filter(merged_into_id=issue.pk).update(merged_into_id=target.pk)
    ErrorIssue.objects.filter(pk=issue.pk).update(event_count=0, user_count=0)
    change_state(
        issue=issue,
        to=IssueState.MERGED,
        at=now,
        by_name=by.name,
        reason=f"Merged into “{target.title}”.",
        merged_into_id=target.pk,
    )
    note(target.pk, NoteKind.MERGED, by, text=issue.title)


def _recount(issue_ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_RECOUNT_SQL, [issue_ids])


def _lock(issue_ids: list[int]) -> list[ErrorIssue]:
    return list(ErrorIssue.objects.select_for_update().filter(pk__in=issue_ids).order_by("pk"))
