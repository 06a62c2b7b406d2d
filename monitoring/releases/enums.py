"""Words of this room."""

from __future__ import annotations

from django.db import models


class Reason(models.TextChoices):
    """What got worse with a release, compared with the one before it."""

    CRASHES = "crashes", "More sessions crash"
    ERRORS = "errors", "More sessions meet errors"
    NEW_ISSUES = "new_issues", "More new errors"
    FAILED_REQUESTS = "failed_requests", "More requests fail"
