"""Issues in domain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from monitoring.errors.enums import OPEN_STATES, IssueState

if TYPE_CHECKING:
    from monitoring.errors.models import ErrorIssue  # noqa: F401  (named in the string below)


class ErrorIssueQuerySet(models.QuerySet["ErrorIssue"]):
    """Issues."""

    def open(self) -> ErrorIssueQuerySet:
        """New, ongoing or regressed: they wait for somebody."""
        return self.filter(state__in=OPEN_STATES)

    def unmerged(self) -> ErrorIssueQuerySet:
        """All but those that were merged into another."""
        return self.exclude(state=IssueState.MERGED)
