"""Issues in domain words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.expressions import RawSQL

from monitoring.errors.enums import OPEN_STATES, IssueState
from monitoring.errors.search import Search

if TYPE_CHECKING:
    from monitoring.errors.models import ErrorIssue  # noqa: F401  (named in the string below)


# Events whose tags and release are looked at are those that are kept; people are known of all.
_EVENTS_SQL = """
SELECT one.issue_id FROM monitoring_errorevent event JOIN monitoring_errorgroup one ON one.id = event.group_id
WHERE event.tags @> %s::jsonb AND (%s = '' OR event.release = %s)
"""
_PEOPLE_SQL = """
SELECT one.issue_id FROM monitoring_erroruser person JOIN monitoring_errorgroup one ON one.id = person.group_id
WHERE person.user_key = ANY(%s::bytea[])
"""


class ErrorIssueQuerySet(models.QuerySet["ErrorIssue"]):
    """Issues."""

    def open(self) -> ErrorIssueQuerySet:
        """New, ongoing or regressed: they wait for somebody."""
        return self.filter(state__in=OPEN_STATES)

    def waiting(self) -> ErrorIssueQuerySet:
        """New, or back after being resolved: nobody has dealt with them."""
        return self.filter(state__in=[IssueState.NEW, IssueState.REGRESSED])

    def by_need(self) -> ErrorIssueQuerySet:
        """Those that came back and the critical ones on top, then the newest seen."""
        return self.annotate(
            need=Case(
                When(state=IssueState.REGRESSED, then=Value(0)),
                When(critical_at__isnull=False, then=Value(1)),
                default=Value(2),
            )
        ).order_by("need", "-last_seen", "-pk")

    def unmerged(self) -> ErrorIssueQuerySet:
        """All but those that were merged into another."""
        return self.exclude(state=IssueState.MERGED)

    def having(self, search: Search) -> ErrorIssueQuerySet:
        """Those with an event that carries all tags and the release of a search, in its environment, and of its person.

        Its words are left to the caller.
        """
        issues = self
        if search.tags or search.release:
            tags = json.dumps(dict(search.tags))
            issues = issues.filter(pk__in=RawSQL(_EVENTS_SQL, [tags, search.release, search.release]))  # noqa: S611  (parameters)
        if search.environment:
            issues = issues.filter(environments__contains=[search.environment])
        if search.user:
            issues = issues.filter(pk__in=RawSQL(_PEOPLE_SQL, [search.user_keys]))  # noqa: S611  (parameters)
        return issues

    def saying(self, words: Iterable[str]) -> ErrorIssueQuerySet:
        """Those whose title, place or type holds each of the words."""
        issues = self
        for word in words:
            issues = issues.filter(Q(title__icontains=word) | Q(culprit__icontains=word) | Q(type__icontains=word))
        return issues
