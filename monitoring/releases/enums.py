"""Words of this room."""

from __future__ import annotations

from django.db import models


class Reason(models.TextChoices):
    """What got worse with a release, compared with the one before it."""

    CRASHES = "crashes", "More sessions crash"
    ERRORS = "errors", "More sessions meet errors"
    NEW_ISSUES = "new_issues", "More new errors"
    FAILED_REQUESTS = "failed_requests", "More requests fail"


class Verdict(models.TextChoices):
    """What the comparisons with the release before say, taken together."""

    WORSE = "worse", "Worse than the one before"
    GOOD = "good", "As good as the one before"
    UNKNOWN = "unknown", "Too little data"
    FIRST = "first", "Nothing to compare with"

    @property
    def tone(self) -> str:
        """Colour of the verdict on every screen."""
        return {"worse": "bad", "good": "well"}.get(self.value, "quiet")
