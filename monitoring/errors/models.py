"""Issues, how events find them, the events themselves and what is counted of them.

The inbox is a plain table without a model: see migration 0006 and inbox.py.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from monitoring.applications.models import Application
from monitoring.errors.enums import (
    OPEN_STATES,
    IssueState,
    Level,
    NoteKind,
    PatternKind,
    PatternPlace,
    ResolvedIn,
)
from monitoring.errors.querysets import ErrorIssueQuerySet
from monitoring.releases.models import Release


class ErrorIssue(models.Model):
    """One problem: all the events that look the same, and what people decided about it.

    Services write these rows; every change of state compares `version` and leaves an IssueTransition. Counts are kept
    here by the digest, in the transaction that stores the events.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="error_issues")
    title = models.CharField(max_length=250)
    culprit = models.CharField(max_length=250, blank=True, help_text="Where in the code.")
    type = models.CharField(max_length=100, blank=True)
    level = models.CharField(max_length=10, choices=Level.choices, default=Level.ERROR)
    platform = models.CharField(max_length=30, blank=True)
    handled = models.BooleanField(default=True, help_text="Whether the program went on.")
    state = models.CharField(max_length=10, choices=IssueState.choices, default=IssueState.NEW)
    version = models.PositiveIntegerField(default=0)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    event_count = models.BigIntegerField(default=0)
    user_count = models.BigIntegerField(default=0)
    first_release = models.ForeignKey(Release, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    last_release = models.ForeignKey(Release, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    environments = models.JSONField(default=list, help_text="Where it was seen.")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="assigned_errors"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_in = models.CharField(max_length=15, choices=ResolvedIn.choices, blank=True)
    muted_until = models.DateTimeField(null=True, blank=True)
    muted_until_count = models.BigIntegerField(
        null=True, blank=True, help_text="Number of the event that ends the silence."
    )
    muted_until_users = models.BigIntegerField(
        null=True, blank=True, help_text="How many people it must have happened to for the silence to end."
    )
    resolved_release = models.ForeignKey(
        Release,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The release that mends it: only events of this one and of later ones count as regression.",
    )
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="merged")
    critical_pattern = models.ForeignKey(
        "CriticalPattern", null=True, blank=True, on_delete=models.SET_NULL, related_name="issues"
    )
    critical_count = models.BigIntegerField(default=0, help_text="Events that met a critical pattern.")
    critical_at = models.DateTimeField(null=True, blank=True, help_text="The newest of them.")
    critical_recorded_at = models.DateTimeField(null=True, blank=True)
    critical_recorded = models.BigIntegerField(default=0, help_text="How many of them the metric knows of.")

    objects: ClassVar[ErrorIssueQuerySet] = ErrorIssueQuerySet.as_manager()  # type: ignore[assignment]  # the stubs' manager type

    class Meta:
        verbose_name = "error"
        ordering = ["-last_seen"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=IssueState.values), name="issue_state_known"),
            models.CheckConstraint(condition=Q(level__in=Level.values), name="issue_level_known"),
            models.CheckConstraint(
                condition=Q(state="resolved", resolved_at__isnull=False) | (~Q(state="resolved") & Q(resolved_at=None)),
                name="issue_resolved_has_time",
            ),
            models.CheckConstraint(
                condition=Q(state="muted") | Q(muted_until=None, muted_until_count=None, muted_until_users=None),
                name="issue_mute_has_end_only_if_muted",
            ),
            models.CheckConstraint(
                condition=Q(state="merged", event_count=0) | Q(~Q(state="merged"), merged_into=None),
                name="issue_merged_is_empty",
            ),
        ]
        indexes = [
            # Errors, the queue: what waits, newest first.
            models.Index(
                fields=["application", "-last_seen"],
                name="issue_open",
                condition=Q(state__in=[state.value for state in OPEN_STATES]),
            ),
            # Errors and REST: all of an application.
            models.Index(fields=["application", "-last_seen"], name="issue_application"),
            # Minutely: mutes whose time is over.
            models.Index(fields=["muted_until"], name="issue_muted", condition=Q(muted_until__isnull=False)),
            # Minutely: what of the critical ones the metric does not know yet.
            models.Index(
                fields=["critical_at"],
                name="issue_critical_news",
                condition=Q(critical_count__gt=models.F("critical_recorded")),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Address of the issue's page."""
        return reverse("admin:monitoring_errorissue_change", args=[self.pk])

    @property
    def is_open(self) -> bool:
        """Whether it waits for somebody."""
        return self.state in OPEN_STATES

    @property
    def tone(self) -> str:
        """Colour of its state on every screen."""
        return IssueState(self.state).tone


class CriticalPattern(models.Model):
    """What makes an error critical: somebody is told as soon as it happens. Services write these rows.

    Those with a `builtin_key` came with the product; a newer version brings fields up to date that nobody edited.
    """

    application = models.ForeignKey(
        Application,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Empty: every application.",
    )
    name = models.CharField(max_length=100, help_text="In people's words, for example “Database error”.")
    kind = models.CharField(max_length=10, choices=PatternKind.choices, default=PatternKind.MESSAGE)
    pattern = models.TextField(
        max_length=1000,
        help_text="Message: a regular expression (RE2), looked for in “Type: message”. Class: names, separated by commas, "
        "with or without namespace. Level: one of debug, info, warning, error, fatal.",
    )
    where = models.CharField(max_length=10, choices=PatternPlace.choices, default=PatternPlace.ANY)
    platform = models.CharField(
        max_length=30, blank=True, help_text="Like php, python, java, javascript; empty: every language."
    )
    note = models.TextField(blank=True, max_length=1000, help_text="Why it is critical, what to do.")
    enabled = models.BooleanField(default=True)
    builtin_key = models.CharField(max_length=50, blank=True, editable=False)
    builtin_version = models.PositiveIntegerField(default=0, editable=False)
    builtin_shipped = models.JSONField(default=dict, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager[CriticalPattern]]

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["builtin_key"], condition=~Q(builtin_key=""), name="critical_pattern_builtin_once"
            ),
            models.CheckConstraint(condition=Q(kind__in=PatternKind.values), name="critical_pattern_kind_known"),
            models.CheckConstraint(condition=Q(where__in=PatternPlace.values), name="critical_pattern_where_known"),
        ]

    def __str__(self) -> str:
        return self.name


class ErrorGroup(models.Model):
    """Events that look the same to one version of the grouping. An issue has one of them, or more after a merge.

    `home` is the issue it was made with, which it goes back to when a merge is taken apart.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    hash = models.BinaryField(max_length=16, editable=False)
    issue = models.ForeignKey(ErrorIssue, on_delete=models.CASCADE, related_name="groups")
    home = models.ForeignKey(ErrorIssue, on_delete=models.CASCADE, related_name="+")
    algorithm = models.PositiveSmallIntegerField(help_text="Version of the grouping.")
    kind = models.CharField(max_length=15, help_text="What decided: fingerprint, stack, exception, message or nothing.")
    parts = models.JSONField(default=list, help_text="What the hash is made of.")
    event_count = models.BigIntegerField(default=0)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["application", "hash"], name="error_group_once_per_application")]

    def __str__(self) -> str:
        return f"{self.kind} {bytes(self.hash).hex()}"


class ErrorEvent(models.Model):
    """One error that happened. The table has a partition for each day of arrival and is dropped day by day.

    `payload` is the scrubbed event as JSON, zstd-compressed. Append-only.
    """

    id = models.BigAutoField(primary_key=True)
    application_id = models.IntegerField()
    group_id = models.BigIntegerField()
    event_id = models.UUIDField()
    received_at = models.DateTimeField()
    occurred_at = models.DateTimeField()
    level = models.CharField(max_length=10, choices=Level.choices)
    handled = models.BooleanField()
    title = models.CharField(max_length=250)
    release = models.CharField(max_length=200, blank=True)
    environment = models.CharField(max_length=64, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    user_key = models.BinaryField(max_length=16, null=True)
    tags = models.JSONField(default=dict)
    payload = models.BinaryField()

    objects: ClassVar[models.Manager[ErrorEvent]]

    class Meta:
        # Made by migration 0006, because Django can't make partitioned tables.
        managed = False
        db_table = "monitoring_errorevent"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.title


class ErrorHour(models.Model):
    """How many events of a group arrived in an hour. Kept as long as the issue; small enough to sum over."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    group = models.ForeignKey(ErrorGroup, on_delete=models.CASCADE, related_name="hours", db_index=False)
    hour = models.DateTimeField()
    count = models.IntegerField()

    class Meta:
        constraints = [
            # Also what the queue's spark lines and the issue's chart read by.
            models.UniqueConstraint(fields=["group", "hour"], name="error_hour_once_per_group")
        ]

    def __str__(self) -> str:
        return f"{self.count} in {self.hour:%Y-%m-%d %H}:00"


class ErrorUser(models.Model):
    """Somebody a group of errors happened to, as 16 bytes made of what the client says of them."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    group = models.ForeignKey(ErrorGroup, on_delete=models.CASCADE, related_name="users", db_index=False)
    user_key = models.BinaryField(max_length=16)
    first_seen = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "user_key"], name="error_user_once_per_group")]

    def __str__(self) -> str:
        return bytes(self.user_key).hex()


class ErrorCounter(models.Model):
    """How many errors of one kind an application ever had: what the metric application_errors_total is made of.

    `recorded_at` is None until it was recorded once. Those without news for a day are not recorded any more.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    level = models.CharField(max_length=10, choices=Level.choices)
    handled = models.BooleanField()
    release = models.CharField(max_length=200, blank=True)
    total = models.BigIntegerField(default=0)
    last_seen = models.DateTimeField()
    recorded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["application", "level", "handled", "release"], name="error_counter_once_per_kind"
            )
        ]
        indexes = [
            # Minutely: what to record.
            models.Index(fields=["last_seen"], name="error_counter_fresh")
        ]

    def __str__(self) -> str:
        return f"{self.total} {self.level}"


class IssueTransition(models.Model):
    """One change of an issue's state, by a person or by an event. Appended; goes with its issue."""

    issue = models.ForeignKey(ErrorIssue, on_delete=models.CASCADE, related_name="transitions")
    from_state = models.CharField(max_length=10, choices=IssueState.choices, blank=True)
    to_state = models.CharField(max_length=10, choices=IssueState.choices)
    at = models.DateTimeField()
    by_name = models.CharField(max_length=150, blank=True, help_text="Who did it; empty: an event or the clock.")
    reason = models.TextField(blank=True)

    objects: ClassVar[models.Manager[IssueTransition]]

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.get_from_state_display()} → {self.get_to_state_display()}"


class IssueNote(models.Model):
    """What a person said about an issue or did with it. Appended, never changed; goes with its issue."""

    issue = models.ForeignKey(ErrorIssue, on_delete=models.CASCADE, related_name="notes")
    kind = models.CharField(max_length=15, choices=NoteKind.choices, default=NoteKind.COMMENT)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    author_name = models.CharField(max_length=150)
    text = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[models.Manager[IssueNote]]

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=Q(kind__in=NoteKind.values), name="issue_note_kind_known")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} by {self.author_name}"
